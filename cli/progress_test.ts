import assert from "node:assert/strict";
import { isFinal, updateLine } from "./progress.ts";

const START = Date.parse("2026-01-01T00:00:00Z");

Deno.test("updateLine() tells when, how far, which actor and what", () => {
  const hop = {
    status: "running",
    message: "Processing in infer",
    progress_percent: 41.6,
    actors: ["prep", "infer"],
    current_actor_idx: 1,
    envelope_state: "processing",
    timestamp: "2026-01-01T00:00:01.204Z",
  };
  assert.equal(updateLine(hop, START), "  +1.204s    41 %  infer  processing: Processing in infer");
  assert.equal(isFinal(hop), false);
});

Deno.test("updateLine() leaves out what an update does not have", () => {
  const end = { status: "failed", timestamp: "2025-12-31T23:59:59Z" };
  assert.equal(updateLine(end, START), "  +0.000s          failed");
  assert.equal(isFinal(end), true);
});
