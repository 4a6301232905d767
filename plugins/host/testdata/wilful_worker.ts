/** A worker that loads, and then does with a call what its input says: nothing, die, or answer. */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import type { WorkerRequest } from "../protocol.ts";

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  if (data.kind === "load") return self.postMessage({ kind: "ready" });
  const wish = new TextDecoder().decode(data.calls[0]!.input);
  if (wish === "hang") return;
  if (wish === "die") throw new Error("out of order");
  const results = data.calls.map(({ id, input }) => ({
    id,
    result: input,
    log: [],
    metrics: [],
    ms: 0.1,
  }));
  self.postMessage({ kind: "results", results, idle: true });
};
