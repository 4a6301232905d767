/**
 * Both sides speak version 1: the sidecar's handler beside a real Python runtime whose ready file
 * says no more than one of 0.1.x does.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseEnvelope } from "@asya/envelope";
import { socketHandler } from "@asya/sidecar";
import { createLogger } from "@asya/telemetry";

const RUNTIME = new URL("../../runtime/python/asya_runtime.py", import.meta.url).pathname;
const PATIENCE_MS = 30_000;

const CODE = `
def process(payload):
    if payload == "fail":
        raise ValueError("no")
    return [payload, {"again": payload}]
`;

function envelope(payload: string) {
  const text = `{"id":"e-1","route":{"actors":["work","next"],"current":0},"payload":${payload}}`;
  return parseEnvelope(new TextEncoder().encode(text));
}

Deno.test("socketHandler() and asya_runtime.py, both in version 1, hand results and errors over", async () => {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-v1-" }));
  await Deno.writeTextFile(join(dir, "handler.py"), CODE);
  const runtime = new Deno.Command("python3", {
    args: [RUNTIME],
    env: { ASYA_HANDLER: "handler.process", ASYA_SOCKET_DIR: dir, PYTHONPATH: dir },
    stderr: "null",
  }).spawn();
  const open = () =>
    socketHandler({
      dir,
      actor: "work",
      log: createLogger({ level: "error" }),
      concurrency: 4,
      maxFrameBytes: 2 ** 28,
      cancelGraceMs: 5_000,
    });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    const modern = open();
    await modern.ready(signal);
    await modern.close();
    await Deno.writeTextFile(join(dir, "runtime-ready"), "ready");

    const handler = open();
    await handler.ready(signal);
    assert.equal(handler.concurrency, 1, "version 1 takes one call at a time");
    const call = (payload: string) => {
      const sink = { partial: () => assert.fail("version 1 has none"), started: () => {} };
      const one = { envelope: envelope(payload), attempt: 1, limitMs: PATIENCE_MS, signal };
      return handler.handle(one, sink);
    };
    const { frames } = await call("9007199254740993");
    const texts = frames.map(({ payload }) => new TextDecoder().decode(payload));
    assert.deepEqual(texts.map((text) => text.replaceAll(" ", "")), [
      "9007199254740993",
      '{"again":9007199254740993}',
    ]);
    await assert.rejects(call('"fail"'), /^HandlerError: processing_error: no$/);
    await handler.close();
  } finally {
    runtime.kill("SIGKILL");
    await runtime.status;
    await Deno.remove(dir, { recursive: true });
  }
});
