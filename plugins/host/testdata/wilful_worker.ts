/** A worker that loads, and then does with a call what its input says: nothing, die, or answer. */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import { HostLine } from "../line.ts";
import type { CallsRequest, WorkerRequest } from "../protocol.ts";

let line: HostLine;

function run({ calls, bodies }: CallsRequest): void {
  const wish = new TextDecoder().decode(bodies[0]);
  if (wish === "hang") return;
  if (wish === "die") throw new Error("out of order");
  const results = calls.map(({ id }) => ({ id, log: [], metrics: [], ms: 0.1 }));
  const outputs = bodies.map((body) => new Uint8Array(body));
  line.answer({ kind: "results", results, bodies: outputs, idle: true });
}

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  if (data.kind === "load") {
    line = new HostLine(data.line, (answer, list) => self.postMessage(answer, list));
    line.post({ kind: "ready" });
  } else run(data);
  for (let next = line.next(); next !== undefined; next = line.next()) run(next);
};
