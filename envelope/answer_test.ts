import assert from "node:assert/strict";
import { frameFromHead, parseAnswer, parseFailure } from "./answer.ts";
import type { Frame } from "./envelope.ts";
import type { Failure } from "./failure.ts";
import { bytes, isError, text } from "./testing.ts";

const ROUTE = '{"actors":["prep"],"current":1}';

function framesOf(json: string, options = {}): readonly Frame[] {
  const answer = parseAnswer(bytes(json), options);
  assert.ok("frames" in answer);
  return answer.frames;
}

function failureOf(json: string, options = {}): Failure {
  const answer = parseAnswer(bytes(json), options);
  assert.ok("failure" in answer);
  return answer.failure;
}

Deno.test("parseAnswer() gives payload, route and headers as they were written", () => {
  const frames = framesOf(
    ` [ {"payload": {"z": 1.0, "a": -0.0} , "route":${ROUTE}, "id":"mine"},
        {"headers":{"n":1e400},"route": ${ROUTE},"payload":"\\ud800"} ] `,
  );
  assert.deepEqual(frames.map(({ payload, ...rest }) => ({ payload: text(payload), ...rest })), [
    { payload: '{"z": 1.0, "a": -0.0}', route: ROUTE },
    { payload: '"\\ud800"', route: ROUTE, headers: '{"n":1e400}' },
  ]);
});

Deno.test("parseAnswer() keeps null headers apart from absent ones", () => {
  assert.equal(framesOf(`[{"payload":1,"route":${ROUTE},"headers":null}]`)[0]?.headers, "null");
});

for (const json of ["[]", " [ ] ", "null", " null\n"]) {
  Deno.test(`parseAnswer() reads ${JSON.stringify(json)} as no frame`, () => {
    assert.deepEqual(framesOf(json), []);
  });
}

for (const error of ['""', "null"]) {
  Deno.test(`parseAnswer() takes the error ${error} for none`, () => {
    assert.equal(framesOf(`[{"error":${error},"payload":1,"route":${ROUTE}}]`).length, 1);
  });
}

for (
  const [name, json, message] of [
    ["an object", `{"payload":1,"route":${ROUTE}}`, /answer: .*expected an array/],
    ["no JSON", "hello", /expected an array, found 'h'/],
    ["nothing", "", /expected an array, found the end/],
    ["a cut array", `[{"payload":1,"route":${ROUTE}}`, /found the end/],
    ["more than one value", "[] []", /nothing more/],
    ["a word like null", "nulls", /expected an array|nothing more/],
    ["[null]", "[null]", /element 0 .* is not an object/],
    ["[1, {}]", "[1, {}]", /element 0 .* is not an object/],
    ["[{}]", "[{}]", /element 0 .*no payload/],
    ["a frame without payload", `[{"route":${ROUTE}}]`, /no payload/],
    ["a frame without route", '[{"payload":1}]', /no route/],
    ["the second without route", `[{"payload":1,"route":${ROUTE}},{"payload":1}]`, /element 1/],
    ["an error that is a number", '[{"error":5}]', /error must be a string/],
    ["an error that is an object", '[{"error":{}}]', /error must be a string/],
    ["NaN", '[{"payload":{"x":NaN},"route":{}}]', /NaN is no value/],
    ["Infinity", '[{"payload":Infinity,"route":{}}]', /Infinity is no value/],
    ["-Infinity", '[{"payload":[-Infinity],"route":{}}]', /-Infinity is no value/],
    ["a name twice", `[{"payload":1,"payload":2,"route":${ROUTE}}]`, /"payload" is there twice/],
    ["a broken payload", `[{"payload":"\n","route":${ROUTE}}]`, /control character/],
  ] as const
) {
  Deno.test(`parseAnswer() refuses ${name}`, () => {
    assert.throws(() => parseAnswer(bytes(json)), isError("processing_error", message));
  });
}

Deno.test("parseAnswer() takes NaN inside a string for what it is", () => {
  assert.equal(text(framesOf(`[{"payload":"NaN","route":${ROUTE}}]`)[0]!.payload), '"NaN"');
});

Deno.test("parseAnswer() reads an error with all that belongs to it", () => {
  const details =
    '{"message": "no", "type":"ValueError","traceback":"T\\n", "mro":["A","b.C"],"n":1.0}';
  assert.deepEqual(failureOf(`[{"error":"my_code","details":${details},"payload":1,"note":"n"}]`), {
    code: "my_code",
    message: "no",
    type: "ValueError",
    traceback: "T\n",
    mro: ["A", "b.C"],
    details,
  });
});

for (
  const [name, json] of [
    ["among frames", `[{"payload":0,"route":${ROUTE}},{"error":"e","details":{"message":"m"}},{}]`],
    ["behind what is no object", '[null,5,{"error":"e","details":{"message":"m"}}]'],
    ["before another", '[{"error":"e","details":{"message":"m"}},{"error":"other"}]'],
  ] as const
) {
  Deno.test(`parseAnswer() makes the whole answer an error that stands ${name}`, () => {
    const { code, message } = failureOf(json);
    assert.deepEqual({ code, message }, { code: "e", message: "m" });
  });
}

for (
  const [details, failure] of [
    ["", { message: "the handler reported e without a message" }],
    [',"details":null', { message: "the handler reported e without a message" }],
    [',"details":"it broke"', { message: "it broke" }],
    [',"details":[1]', { message: "the handler reported e without a message" }],
    [
      ',"details":{"message":5,"mro":"A","type":null}',
      {
        message: "the handler reported e without a message",
        details: '{"message":5,"mro":"A","type":null}',
      },
    ],
    [
      ',"details":{"mro":["A",5]}',
      {
        message: "the handler reported e without a message",
        mro: ["A"],
        details: '{"mro":["A",5]}',
      },
    ],
  ] as const
) {
  Deno.test(`parseAnswer() reads an error with ${details || "no details"}`, () => {
    assert.deepEqual(failureOf(`[{"error":"e"${details}}]`), { code: "e", ...failure });
  });
}

Deno.test("parseAnswer() replaces what is not UTF-8 in an error's details", () => {
  const json = Uint8Array.of(
    ...bytes('[{"error":"e","details":{"message":"a'),
    0xff,
    ...bytes('"}}]'),
  );
  const answer = parseAnswer(json);
  assert.ok("failure" in answer);
  assert.equal(answer.failure.message, "a\ufffd");
});

Deno.test("parseAnswer() wants UTF-8 in route and headers, not in payloads", () => {
  const raw = (before: string, after: string) =>
    Uint8Array.of(...bytes(before), 0xff, ...bytes(after));
  const inRoute = raw('[{"payload":1,"route":{"actors":["', '"]}}]');
  assert.throws(
    () => parseAnswer(inRoute),
    isError("processing_error", /route is not valid UTF-8/),
  );
  const inPayload = raw('[{"payload":"', `","route":${ROUTE}}]`);
  assert.ok("frames" in parseAnswer(inPayload));
});

Deno.test("parseAnswer() bounds elements, members, route with headers, and depth outside the payload", () => {
  const refuses = (json: string, code: "resource_limit" | "processing_error", message: RegExp) =>
    assert.throws(() => parseAnswer(bytes(json), { maxFrames: 2 }), isError(code, message));
  const element = `{"payload":1,"route":${ROUTE}}`;
  refuses(`[${element},${element},${element}]`, "resource_limit", /more than 2 elements/);
  const members = Array.from({ length: 10_001 }, (_, n) => `"${n}":1`).join(",");
  refuses(`[{${members}}]`, "resource_limit", /more than 10000 members/);
  const headers = `{"a":"${"x".repeat(262_144)}"}`;
  refuses(`[{"payload":1,"route":${ROUTE},"headers":${headers}}]`, "resource_limit", /bytes/);
  const deep = "[".repeat(512) + "]".repeat(512);
  refuses(`[{"payload":1,"route":${ROUTE},"x":${deep}}]`, "processing_error", /too deep/);
  refuses(`[${deep}]`, "processing_error", /not an object/);
  assert.equal(framesOf(`[{"payload":${deep},"route":${ROUTE}}]`).length, 1);
});

Deno.test("parseAnswer() wants nothing of an end actor's answer, and gives back its payloads", () => {
  const endActor = true;
  assert.deepEqual(framesOf("[{}]", { endActor }), []);
  assert.deepEqual(framesOf('[{"route":5}]', { endActor }), []);
  assert.deepEqual(framesOf("[]", { endActor }), []);
  assert.deepEqual(framesOf('[{"payload":1,"route":5}]', { endActor }), [{ payload: bytes("1") }]);
  assert.equal(failureOf('[{},{"error":"e"}]', { endActor }).code, "e");
  for (const json of ["{}", "[null]", "["]) {
    const read = () => parseAnswer(bytes(json), { endActor });
    assert.throws(read, isError("processing_error", /answer/));
  }
});

Deno.test("frameFromHead() picks route and headers out of an envelope", () => {
  const payload = bytes("1");
  assert.deepEqual(frameFromHead(bytes("{}"), payload), { payload });
  const head = `{"id":"e-1","route":${ROUTE},"headers":{ "n":1.0 },"status":{}}`;
  assert.deepEqual(frameFromHead(bytes(head), payload), {
    payload,
    route: ROUTE,
    headers: '{ "n":1.0 }',
  });
});

for (const head of ["", "[]", "null", '{"a":1', '{"route":1,"route":2}', '{"x":NaN}']) {
  Deno.test(`frameFromHead() refuses ${JSON.stringify(head)}`, () => {
    assert.throws(
      () => frameFromHead(bytes(head), bytes("1")),
      isError("processing_error", /the head of a frame: /),
    );
  });
}

for (
  const [json, code, message] of [
    ['{"error":"my_code","details":{"message":"m"}}', "my_code", "m"],
    ['{"error":"oom_error"}', "oom_error", "the handler reported oom_error without a message"],
    ['{"error":"","details":{"message":"m"}}', "processing_error", "m"],
    ['{"error":5,"details":{"message":"m"}}', "processing_error", "m"],
    ['{"details":"m"}', "processing_error", "m"],
    ["{}", "processing_error", "the handler reported processing_error without a message"],
    ['{"error":"a","error":"b"}', "b", "the handler reported b without a message"],
  ] as const
) {
  Deno.test(`parseFailure() reads ${json}`, () => {
    const failure = parseFailure(bytes(json));
    assert.deepEqual([failure.code, failure.message], [code, message]);
  });
}

for (const json of ["", "[]", "null", '"boom"', '{"error":']) {
  Deno.test(`parseFailure() refuses ${JSON.stringify(json)}`, () => {
    assert.throws(() => parseFailure(bytes(json)), isError("processing_error", /handler's error/));
  });
}
