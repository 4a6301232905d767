import assert from "node:assert/strict";
import { traceLines } from "./history.ts";

const at = (ms: number) => new Date(Date.parse("2026-01-01T00:00:00Z") + ms).toISOString();
const actors = ["prep"];
const hop = (state: string, ms: number) => ({
  status: "running",
  envelope_state: state,
  actors,
  current_actor_idx: 0,
  timestamp: at(ms),
});
const FINAL = { status: "succeeded", timestamp: at(30) };

/** The lines of an envelope whose stream is read again and again; how often that was. */
async function traced(streams: readonly (readonly object[])[]): Promise<[string[], number]> {
  let reads = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    if (!request.url.endsWith("/stream")) {
      return Response.json({ id: "e", created_at: at(0), route: { actors } });
    }
    const updates = streams[Math.min(reads++, streams.length - 1)]!;
    return new Response(
      updates.map((u) => `event: update\ndata: ${JSON.stringify(u)}\n\n`).join(""),
    );
  });
  try {
    return [await traceLines(`http://127.0.0.1:${server.addr.port}`, "e"), reads];
  } finally {
    await server.shutdown();
  }
}

const WHOLE = [hop("received", 10), hop("processing", 11), hop("completed", 19), FINAL];
const END = "    +30 ms  happy-end   succeeded";

Deno.test("traceLines() reads a whole history once", async () => {
  const lines = ["    +10 ms  prep        waited 1 ms, answered in 8 ms", END];
  assert.deepEqual(await traced([WHOLE]), [lines, 1]);
});

Deno.test("traceLines() looks again until reports that the end overtook have come", async () => {
  const lines = ["    +10 ms  prep        waited 1 ms, answered in 8 ms", END];
  assert.deepEqual(await traced([[FINAL], [WHOLE[0]!, FINAL], WHOLE]), [lines, 3]);
});

Deno.test("traceLines() shows what there is when a report never comes", async () => {
  const [lines, reads] = await traced([[WHOLE[0]!, WHOLE[1]!, FINAL]]);
  assert.deepEqual(lines, ["    +10 ms  prep        waited 1 ms, no answer", END]);
  assert.equal(reads, 21);
});
