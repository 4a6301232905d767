import assert from "node:assert/strict";
import { encodeEnvelope, encodeHead } from "./encode.ts";
import { parseEnvelope } from "./parse.ts";
import { bytes, envelope, text } from "./testing.ts";

const WHOLE = '{"id":"e-\\"1","parent_id":"e-0",' +
  '"route":{"actors":["prep"],"current":0,"metadata":{"k": 1.0},"x":1e400},' +
  '"headers":{"n":-0,"é":"\\ud800"},"payload":[ 1 ],"deadline":"2099-01-01T00:00:00Z",' +
  '"status":{"attempt":2,"first_attempt_at":"2026-01-01T00:00:00Z","phase":"x"},"x":[1.0, 2]}';

Deno.test("encodeEnvelope() writes each member as it was read", () => {
  assert.equal(text(encodeEnvelope(parseEnvelope(bytes(WHOLE)))), WHOLE);
});

Deno.test("encodeEnvelope() leaves out what is absent", () => {
  const minimal = '{"id":"e-1","route":{"actors":["prep"],"current":0},"payload":null}';
  assert.equal(text(encodeEnvelope(parseEnvelope(bytes(minimal)))), minimal);
});

Deno.test("encodeEnvelope() writes route.steps as actors", () => {
  const old = envelope({ route: { steps: ["prep", "infer"] } });
  assert.deepEqual(JSON.parse(text(encodeEnvelope(old))).route, {
    actors: ["prep", "infer"],
    current: 0,
  });
});

Deno.test("encodeEnvelope() copies payload bytes that are not UTF-8", () => {
  const payload = Uint8Array.of(0x22, 0xff, 0x22);
  const body = encodeEnvelope({ ...envelope(), payload });
  assert.deepEqual([...parseEnvelope(body).payload], [...payload]);
});

Deno.test("encodeHead() is the envelope without its payload", () => {
  const { payload: _, ...head } = JSON.parse(WHOLE);
  assert.deepEqual(JSON.parse(text(encodeHead(parseEnvelope(bytes(WHOLE))))), head);
});

Deno.test("encodeHead() adds members, each in place of one of the same name", () => {
  const head = text(encodeHead(envelope({ asya: 1, z: 2 }), { asya: '{"attempt":3}' }));
  assert.match(head, /^[^]*"asya":\{"attempt":3\},"z":2\}$/);
  assert.equal(head.match(/"asya"/g)?.length, 1);
});
