import assert from "node:assert/strict";
import { DEFAULT_LIMITS } from "./limits.ts";
import { parseEnvelope } from "./parse.ts";
import { bytes, isError, text } from "./testing.ts";

const ROUTE = '"route":{"actors":["prep","infer"],"current":1}';

/** An envelope with these members beside id, route and payload. */
function body(members: string): Uint8Array {
  return bytes(`{"id":"e-1",${ROUTE},"payload":1${members && `,${members}`}}`);
}

Deno.test("parseEnvelope() reads every member and keeps the digits of a number it does not know", () => {
  const e = parseEnvelope(bytes(
    ` { "id":"\\u0065-1", "parent_id":"e-0", "headers":{"n":1e400,"s":"\\ud800","n2":{ "a": -0 }},
      "route":{"actors":["a","b"],"current":2,"metadata":{"k": 1.0},"x":9007199254740993},
      "deadline":"2099-01-01T00:00:00Z", "payload": { "n" : 1e400, "n": -0 } ,
      "status":{"attempt":2,"first_attempt_at":"2026-01-01T00:00:00Z","phase":"running"},
      "x_unknown":[1.0, 2], "ID":7 } `,
  ));
  const { payload, ...head } = e;
  assert.equal(text(payload), '{ "n" : 1e400, "n": -0 }');
  assert.deepEqual(head, {
    id: "e-1",
    parentId: "e-0",
    headers: new Map([["n", "1e400"], ["s", '"\\ud800"'], ["n2", '{ "a": -0 }']]),
    route: {
      actors: ["a", "b"],
      current: 2,
      metadata: '{"k": 1.0}',
      extra: new Map([["x", "9007199254740993"]]),
    },
    deadline: "2099-01-01T00:00:00Z",
    status: {
      attempt: 2,
      firstAttemptAt: "2026-01-01T00:00:00Z",
      extra: new Map([["phase", '"running"']]),
    },
    extra: new Map([["x_unknown", "[1.0, 2]"], ["ID", "7"]]),
  });
});

Deno.test("parseEnvelope() gives a view of the body as payload, not a copy", () => {
  const source = body("");
  assert.equal(parseEnvelope(source).payload.buffer, source.buffer);
});

Deno.test("parseEnvelope() reads null in an optional member as absent", () => {
  const e = parseEnvelope(
    body('"parent_id":null,"headers":null,"deadline":null,"status":null,"x":null'),
  );
  assert.deepEqual(Object.keys(e).sort(), ["extra", "id", "payload", "route"]);
  assert.deepEqual([...e.extra], [["x", "null"]]);
});

Deno.test("parseEnvelope() tells empty headers from absent ones", () => {
  assert.equal(parseEnvelope(body('"headers":{}')).headers?.size, 0);
  assert.equal(parseEnvelope(body("")).headers, undefined);
});

for (
  const [name, json, message] of [
    ["an empty body", "", /expected an object, found the end/],
    ["null", "null", /expected an object/],
    ["an array", "[]", /expected an object/],
    ["two objects", "{}{}", /nothing more/],
    ["a cut body", '{"id":"e-1","route":', /expected a value, found the end/],
    ["no id", `{${ROUTE},"payload":1}`, /no id/],
    ["no route", '{"id":"e-1","payload":1}', /no route/],
    ["no payload", `{"id":"e-1",${ROUTE}}`, /no payload/],
    ["an id that is a number", `{"id":7,${ROUTE},"payload":1}`, /id must be a string/],
    ["an id that is null", `{"id":null,${ROUTE},"payload":1}`, /id must be a string/],
    ["an empty id", `{"id":"",${ROUTE},"payload":1}`, /id must be 1 to 256 bytes/],
    ["a long id", `{"id":"${"é".repeat(129)}",${ROUTE},"payload":1}`, /id must be 1 to 256 bytes/],
    ["a lone surrogate in the id", `{"id":"\\ud800",${ROUTE},"payload":1}`, /well-formed/],
    ["names in upper case", `{"ID":"e-1",${ROUTE},"payload":1}`, /no id/],
    ["a route that is an array", '{"id":"e-1","route":[],"payload":1}', /route must be an object/],
    ["a route that is null", '{"id":"e-1","route":null,"payload":1}', /route must be an object/],
    ["NaN in the payload", `{"id":"e-1",${ROUTE},"payload":[NaN]}`, /NaN is no value/],
  ] as const
) {
  Deno.test(`parseEnvelope() refuses ${name}`, () => {
    assert.throws(() => parseEnvelope(bytes(json)), isError("msg_parsing_error", message));
  });
}

for (
  const [members, message] of [
    ['"id":"e-2"', /"id" is there twice/],
    ['"\\u0070ayload":2', /"payload" is there twice/],
    ['"x":1,"x":1', /"x" is there twice/],
    ['"headers":[1]', /headers must be an object/],
    ['"headers":{"a":1,"a":2}', /"a" is there twice/],
    ['"parent_id":7', /parent_id must be a string/],
    ['"deadline":1767225600', /deadline must be a string/],
    ['"deadline":"tomorrow"', /deadline must be an RFC 3339 time.*"tomorrow"/],
    ['"deadline":"2026-02-30T00:00:00Z"', /RFC 3339/],
    ['"status":"running"', /status must be an object/],
    ['"x":1,', /expected a member's name/],
    ['"x":01', /expected ',' or '}'/],
  ] as const
) {
  Deno.test(`parseEnvelope() refuses ${members}`, () => {
    assert.throws(() => parseEnvelope(body(members)), isError("msg_parsing_error", message));
  });
}

for (
  const [status, attempt] of [
    ['{"attempt":3}', 3],
    ['{"attempt":0}', 1],
    ['{"attempt":-1}', 1],
    ['{"attempt":1.5}', 1],
    ['{"attempt":"3"}', 1],
    ['{"attempt":1e400}', 1],
    ['{"attempt":99999999999999999999}', 1],
    ['{"phase":"running"}', 1],
    ['{"first_attempt_at":"soon"}', 1],
    ['{"first_attempt_at":7}', 1],
  ] as const
) {
  Deno.test(`parseEnvelope() reads status ${status} as attempt ${attempt}`, () => {
    const read = parseEnvelope(body(`"status":${status}`)).status;
    assert.equal(read?.attempt, attempt);
    assert.equal(read?.firstAttemptAt, undefined);
  });
}

Deno.test("parseEnvelope() wants UTF-8 outside the payload and does not look inside it", () => {
  const raw = (before: string, after: string) =>
    Uint8Array.of(...bytes(before), 0xff, ...bytes(after));
  const notUtf8 = isError("msg_parsing_error", /not valid UTF-8/);
  const inPayload = raw(`{"id":"e-1",${ROUTE},"payload":"`, '"}');
  assert.deepEqual(parseEnvelope(inPayload).payload, Uint8Array.of(0x22, 0xff, 0x22));
  for (
    const broken of [
      raw('{"id":"', `",${ROUTE},"payload":1}`),
      raw(`{"id":"e-1",${ROUTE},"payload":1,"x`, '":1}'),
      raw(`{"id":"e-1",${ROUTE},"payload":1,"x":"`, '"}'),
      raw(`{"id":"e-1",${ROUTE},"payload":1,"headers":{"`, '":1}}'),
      raw(`{"id":"e-1",${ROUTE},"payload":1,"headers":{"a":"`, '"}}'),
      raw(`{"id":"e-1",${ROUTE},"payload":1,"status":{"a":"`, '"}}'),
      raw('{"id":"e-1","payload":1,"route":{"actors":["', '"]}}'),
      raw('{"id":"e-1","payload":1,"route":{"actors":["a"],"x":"', '"}}'),
    ]
  ) assert.throws(() => parseEnvelope(broken), notUtf8);
});

for (const levels of [10_000, 1_000_000]) {
  Deno.test(`parseEnvelope() takes ${levels} levels in the payload`, () => {
    const payload = "[".repeat(levels) + "]".repeat(levels);
    const e = parseEnvelope(bytes(`{"id":"e-1",${ROUTE},"payload":${payload}}`));
    assert.equal(e.payload.length, 2 * levels);
  });
}

Deno.test("parseEnvelope() takes 512 levels outside the payload and no more", () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  for (const [before, after, own] of [['"x":', "", 1], ['"headers":{"x":', "}", 2]] as const) {
    const json = (levels: number) => body(`${before}${nested(levels - own)}${after}`);
    assert.equal(parseEnvelope(json(512)).id, "e-1");
    assert.throws(() => parseEnvelope(json(513)), isError("msg_parsing_error", /nested too deep/));
    assert.throws(() => parseEnvelope(json(10_000)), isError("msg_parsing_error", /too deep/));
  }
});

Deno.test("parseEnvelope() bounds the body, the head and the actors", () => {
  const source = body("");
  const tooMuch = isError("resource_limit", /more than/);
  assert.equal(parseEnvelope(source, { maxBytes: source.length }).id, "e-1");
  assert.throws(() => parseEnvelope(source, { maxBytes: source.length - 1 }), tooMuch);
  assert.equal(parseEnvelope(source, { maxHeadBytes: source.length - 1 }).id, "e-1");
  assert.throws(() => parseEnvelope(source, { maxHeadBytes: source.length - 2 }), tooMuch);
  assert.throws(() => parseEnvelope(source, { maxActors: 1 }), tooMuch);
  const route = (count: number) => `{"actors":[${Array(count).fill('"a"').join(",")}]}`;
  const long = (count: number) => bytes(`{"id":"e-1","route":${route(count)},"payload":1}`);
  assert.equal(parseEnvelope(long(1_000)).route.actors.length, 1_000);
  assert.throws(() => parseEnvelope(long(1_001)), tooMuch);
});

Deno.test("parseEnvelope() has a bound on the head and none of its own on the payload", () => {
  const { maxHeadBytes } = DEFAULT_LIMITS;
  const tooMuch = isError("resource_limit", /outside the payload/);
  const large = `"${"x".repeat(maxHeadBytes)}"`;
  assert.throws(() => parseEnvelope(body(`"headers":{"x":${large}}`)), tooMuch);
  const e = parseEnvelope(bytes(`{"id":"e-1",${ROUTE},"payload":${large}}`));
  assert.equal(e.payload.length, large.length);
});
