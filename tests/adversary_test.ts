/** Hostile plugins behind a sidecar's handler: what they answer, and how their limits are told. */

import assert from "node:assert/strict";
import { parseEnvelope } from "@asya/envelope";
import { loadPlugin } from "@asya/plugins";
import { HandlerError, HandlerTimeout, InvalidAnswer, wasmHandler } from "@asya/sidecar";
import { type Case, CASES, optionsOf } from "../plugins/testdata/adversary/cases.ts";

const PAYLOAD = '{"a":1}';

const envelope = parseEnvelope(new TextEncoder().encode(
  JSON.stringify({
    id: "one",
    route: { actors: ["guest"], current: 0 },
    payload: JSON.parse(PAYLOAD),
  }),
));

const SINK = { partial() {}, started() {} };

function caseOf(file: string, functionName: string): Case {
  const found = CASES.find((one) => one.file === file && one.functionName === functionName);
  assert(found, `${file} ${functionName}`);
  return found;
}

function failsWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof HandlerError && error.failure.code === code;
}

type Check = ((error: unknown) => boolean) | typeof InvalidAnswer | typeof HandlerTimeout;

const ENDINGS: readonly (readonly [file: string, functionName: string, check: Check])[] = [
  ["outputs.wat", "no_utf8", InvalidAnswer],
  ["outputs.wat", "no_json", InvalidAnswer],
  ["outputs.wat", "half_json", InvalidAnswer],
  ["outputs.wat", "half_character", InvalidAnswer],
  ["outputs.wat", "nul_bytes", InvalidAnswer],
  ["outputs.wat", "nested", InvalidAnswer],
  ["outputs.wat", "huge", failsWith("resource_limit")],
  ["outputs.wat", "nowhere", failsWith("processing_error")],
  ["outputs.wat", "partial_no_json", InvalidAnswer],
  ["outputs.wat", "exit", failsWith("processing_error")],
  ["kernel.wat", "alloc_hog", failsWith("oom_error")],
  ["memory.wat", "grow_by_one", failsWith("oom_error")],
  ["floods.wat", "http_headers", failsWith("resource_limit")],
  ["stack.wat", "recurse", failsWith("processing_error")],
  ["endless.wat", "spin", HandlerTimeout],
];

for (const [file, functionName, check] of ENDINGS) {
  Deno.test(`wasmHandler() tells how ${file} ${functionName} ended`, async () => {
    const options = optionsOf(caseOf(file, functionName), "worker");
    const handler = wasmHandler({
      load: () => loadPlugin(options),
      actor: "guest",
      mode: "payload",
    });
    const { signal } = new AbortController();
    await handler.ready(signal);
    for (const attempt of [1, 2]) {
      await assert.rejects(
        handler.handle({ envelope, attempt, limitMs: 10_000, signal }, SINK),
        check,
      );
    }
    assert.equal(handler.trouble, undefined);
    await handler.close();
  });
}
