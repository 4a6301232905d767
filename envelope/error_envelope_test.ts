import assert from "node:assert/strict";
import { errorEnvelope } from "./error_envelope.ts";
import type { Failure } from "./failure.ts";
import { parseEnvelope } from "./parse.ts";
import { bytes, envelope, isError, text } from "./testing.ts";

const payloadOf = (failure: Failure, note = {}) =>
  text(errorEnvelope({ ...envelope(), payload: bytes('{ "n": 1e400 }') }, failure, note).payload);

Deno.test("errorEnvelope() keeps the input as it was but for status and payload", () => {
  const members = {
    parent_id: "e-0",
    headers: { traceparent: "t", n: 1 },
    deadline: "2099-01-01T00:00:00Z",
    x_unknown: [1, 2],
    route: { actors: ["prep", "infer"], current: 1, metadata: { job: 1 }, x: 1 },
  };
  const input = envelope({ ...members, status: { attempt: 2, phase: "x" } });
  const { payload: _, ...head } = errorEnvelope(input, { code: "timeout_error", message: "m" });
  const { payload: __, ...expected } = envelope(members);
  assert.deepEqual(head, expected);
});

Deno.test("errorEnvelope() writes what is known of the failure, and the payload byte for byte", () => {
  assert.equal(
    payloadOf({ code: "my_code", message: "m", type: "a.B", mro: ["C"], traceback: "T\n" }),
    '{"error":"my_code","details":{"message":"m","type":"a.B","traceback":"T\\n","mro":["C"]},' +
      '"original_payload":{ "n": 1e400 }}',
  );
});

Deno.test("errorEnvelope() writes details as the handler wrote them", () => {
  const details = '{ "message":"own", "n": 1.0, "n": 2 }';
  const failure = { code: "e", message: "own", details };
  assert.equal(
    payloadOf(failure),
    `{"error":"e","details":${details},"original_payload":{ "n": 1e400 }}`,
  );
});

Deno.test("errorEnvelope() adds to details what they do not say themselves", () => {
  const failure = { code: "e", message: "other", type: "T", details: '{"message":"own","n":1.0}' };
  const json = payloadOf(failure, { retry: "no time left" });
  assert.match(json, /"details":\{"message":"own","n":1\.0,"type":"T","retry":"no time left"\}/);
});

Deno.test("errorEnvelope() replaces a retry note of the handler's own", () => {
  const failure = { code: "e", message: "m", details: '{"retry":1,"message":"m"}' };
  assert.match(payloadOf(failure, { retry: "no" }), /"details":\{"retry":"no","message":"m"\}/);
});

Deno.test("errorEnvelope() can be parsed whatever the texts are", () => {
  const failure = { code: '"\ud800', message: "\0\n\\", type: "</b>", traceback: "\u2028" };
  const { error, details } = JSON.parse(payloadOf(failure));
  assert.deepEqual([error, details.message], [failure.code, failure.message]);
  const body = bytes(`{"id":"e","route":{"actors":["a"]},"payload":${payloadOf(failure)}}`);
  assert.equal(parseEnvelope(body).id, "e");
});

for (const details of ["[1]", "{", '"text"']) {
  Deno.test(`errorEnvelope() refuses ${details} as details`, () => {
    const call = () => payloadOf({ code: "e", message: "m", details });
    assert.throws(call, isError("msg_parsing_error", /details must be an object|invalid JSON/));
  });
}
