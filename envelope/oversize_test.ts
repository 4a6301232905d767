import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { errorEnvelope } from "./error_envelope.ts";
import type { Failure } from "./failure.ts";
import { cutErrorEnvelope } from "./oversize.ts";
import { bytes, envelope, text } from "./testing.ts";

function cut(failure: Failure, payload: string, note = {}) {
  const e = errorEnvelope({ ...envelope({ x: 1 }), payload: bytes(payload) }, failure, note);
  const short = cutErrorEnvelope(e);
  assert.deepEqual({ ...short, payload: e.payload }, e);
  return { json: JSON.parse(text(short.payload)), bytes: short.payload.length };
}

Deno.test("cutErrorEnvelope() leaves the message, and size and hash of the payload", () => {
  const payload = JSON.stringify("é".repeat(1_000_000));
  const failure = { code: "timeout_error", message: "m", type: "T", traceback: "x".repeat(9_000) };
  const { json } = cut(failure, payload, { retry: "no time left" });
  const { cut: before, ...details } = json.details;
  assert.deepEqual(details, { message: "m", type: "T", retry: "no time left" });
  assert.ok(before > 9_000);
  assert.equal(json.error, "timeout_error");
  assert.deepEqual(json.original_payload, {
    bytes: bytes(payload).length,
    sha256: createHash("sha256").update(payload).digest("hex"),
  });
});

for (const char of ["x", "é", "😀", "\0", '"', "\ud800"]) {
  Deno.test(`cutErrorEnvelope() has at most 1 KiB of details made of ${JSON.stringify(char)}`, () => {
    const long = char.repeat(100_000);
    const failure = { code: long, message: long, type: long, traceback: long };
    const { json, bytes: size } = cut(failure, "1", { retry: long });
    assert.ok(bytes(JSON.stringify(json.details)).length <= 1_024);
    assert.ok(json.details.message.length >= 90, json.details.message);
    assert.ok(size < 1_600);
  });
}

Deno.test("cutErrorEnvelope() cuts a payload that is no error's", () => {
  for (const payload of ['{"a":1}', "[1]", '{"error":5}', '{"error":{},"details":1}']) {
    const json = JSON.parse(
      text(cutErrorEnvelope({ ...envelope(), payload: bytes(payload) }).payload),
    );
    assert.equal(json.error, "resource_limit");
    assert.equal(json.original_payload.bytes, payload.length);
  }
});

Deno.test("cutErrorEnvelope() has no original payload where there was none", () => {
  const payload = bytes(
    `{"error":"msg_parsing_error","details":{"body_base64":"${"A".repeat(9_000)}"}}`,
  );
  const json = JSON.parse(text(cutErrorEnvelope({ ...envelope(), payload }).payload));
  assert.ok(!("original_payload" in json));
  assert.deepEqual(Object.keys(json.details), ["cut"]);
});
