import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { encodeEnvelope } from "./encode.ts";
import type { Envelope } from "./envelope.ts";
import { attempt, EnvelopeError } from "./failure.ts";
import { wrapMalformed } from "./malformed.ts";
import { malformedId } from "./names.ts";
import { parseEnvelope } from "./parse.ts";
import { bytes, text } from "./testing.ts";

function wrap(body: Uint8Array): Envelope | undefined {
  try {
    parseEnvelope(body);
  } catch (error) {
    assert.ok(error instanceof EnvelopeError);
    return wrapMalformed(body, error, "prep");
  }
  throw new Error("the body is an envelope");
}

/** What `error-end` reads: an envelope, and its payload as JSON. */
function wrapped(json: string) {
  const e = wrap(bytes(json));
  assert.ok(e);
  assert.ok(attempt(() => parseEnvelope(encodeEnvelope(e))), "error-end cannot read it");
  return { ...e, payload: JSON.parse(text(e.payload)), raw: text(e.payload) };
}

const ALONE = { actors: ["prep"], current: 0, extra: new Map() };

for (const json of ["", "{", '{"id":"e-1","route":', "[]", "null", "\ufeff{}", '{"id":"e"} x']) {
  Deno.test(`wrapMalformed() keeps ${JSON.stringify(json)} as base64`, () => {
    const { id, route, payload } = wrapped(json);
    assert.equal(id, malformedId(bytes(json)));
    assert.deepEqual(route, ALONE);
    assert.equal(payload.error, "msg_parsing_error");
    assert.match(payload.details.message, /invalid JSON/);
    assert.equal(payload.details.type, "EnvelopeError");
    assert.equal(Buffer.from(payload.details.body_base64, "base64").toString(), json);
    assert.ok(!("original_payload" in payload));
  });
}

const GOOD_ROUTE = '"route":{"actors":["start","prep"],"current":1}';

for (
  const [json, id, message] of [
    [`{${GOOD_ROUTE},"payload":1}`, undefined, /no id/],
    [`{"id":"",${GOOD_ROUTE},"payload":1}`, undefined, /id must be/],
    [`{"id":7,${GOOD_ROUTE},"payload":1}`, undefined, /id must be a string/],
    [`{"id":"e-1","id":"e-1",${GOOD_ROUTE},"payload":1}`, undefined, /"id" is there twice/],
    [`{"id":"e-1",${GOOD_ROUTE}}`, "e-1", /no payload/],
    [`{"id":"e-1",${GOOD_ROUTE},"payload":{"n": 1e400},"x":1,"x":2}`, "e-1", /"x" is there twice/],
    [`{"id":"e-1",${GOOD_ROUTE},"payload":1,"headers":[1]}`, "e-1", /headers must be/],
  ] as const
) {
  Deno.test(`wrapMalformed() keeps the object ${json} as it is`, () => {
    const e = wrapped(json);
    assert.equal(e.id, id ?? malformedId(bytes(json)));
    assert.deepEqual(e.route, { actors: ["start", "prep"], current: 1, extra: new Map() });
    assert.match(e.payload.details.message, message);
    assert.ok(e.raw.endsWith(`,"original_payload":${json}}`));
    assert.equal(e.headers, undefined);
  });
}

for (
  const route of [
    "5",
    "{}",
    '{"actors":["prep",5]}',
    '{"actors":[]}',
    '{"actors":["a"],"current":-1}',
  ]
) {
  Deno.test(`wrapMalformed() replaces the route ${route}`, () => {
    const e = wrapped(
      `{"id":"e-1","parent_id":"e-0","route":${route},"payload":1,"headers":{"a":1}}`,
    );
    assert.deepEqual(e.route, ALONE);
    assert.deepEqual([e.id, e.parentId, [...e.headers!]], ["e-1", "e-0", [["a", "1"]]]);
  });
}

Deno.test("wrapMalformed() takes a deep object and one that is not UTF-8", () => {
  const deep = "[".repeat(5_000) + "]".repeat(5_000);
  assert.equal(wrapped(`{"id":"e-1",${GOOD_ROUTE},"payload":1,"x":${deep}}`).id, "e-1");
  const body = Uint8Array.of(...bytes('{"id":"'), 0xff, ...bytes(`",${GOOD_ROUTE},"payload":1}`));
  const e = wrap(body)!;
  assert.equal(e.id, malformedId(body));
  assert.ok(Buffer.from(e.payload).includes(Buffer.from(body)));
});

Deno.test("wrapMalformed() wraps any object within limits and other bodies up to 64 KiB", () => {
  const large = "x".repeat(100_000);
  assert.equal(wrapped(`{"id":"e-1","payload":"${large}"}`).id, "e-1");
  assert.ok(wrap(bytes("x".repeat(65_536))));
  assert.equal(wrap(bytes("x".repeat(65_537))), undefined);
  const overLimits = `{"id":"e-1",${GOOD_ROUTE},"payload":1,"x":"${"x".repeat(300_000)}"}`;
  assert.equal(wrap(bytes(overLimits)), undefined);
  const actors = `{"actors":[${Array(1_001).fill('"a"').join(",")}]}`;
  const { payload } = wrapped(`{"id":"e-1","route":${actors},"payload":1}`);
  assert.equal(payload.error, "resource_limit");
  assert.ok(payload.details.body_base64);
});

Deno.test("wrapMalformed() gives the same envelope for the same body", () => {
  const body = bytes('{"id":');
  assert.deepEqual(wrap(body), wrap(body));
});
