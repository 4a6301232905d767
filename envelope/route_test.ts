import assert from "node:assert/strict";
import { advance, currentActor, readRoute } from "./route.ts";
import { bytes, envelope, isError } from "./testing.ts";

const read = (json: string, options = {}) => readRoute(bytes(json), { maxActors: 3, ...options });

for (
  const [json, actors, current] of [
    ['{"actors":["a"]}', ["a"], 0],
    ['{"actors":["a","b"],"current":null}', ["a", "b"], 0],
    ['{"actors":["a","a"],"current":2}', ["a", "a"], 2],
    ['{"actors":["a"],"current":-0}', ["a"], 0],
    ['{"steps":["a","b"],"current":1}', ["a", "b"], 1],
    ['{"actors":null,"steps":["a"]}', ["a"], 0],
  ] as const
) {
  Deno.test(`readRoute() reads ${json}`, () => {
    assert.deepEqual(read(json), { actors, current, extra: new Map() });
  });
}

Deno.test("readRoute() prefers actors and keeps steps as it keeps any other member", () => {
  const route = read('{"steps":["x"],"actors":["a"],"metadata":{"n":1e400},"y":[-0]}');
  assert.deepEqual(route, {
    actors: ["a"],
    current: 0,
    metadata: '{"n":1e400}',
    extra: new Map([["steps", '["x"]'], ["y", "[-0]"]]),
  });
});

for (
  const [json, message] of [
    ["{}", /no actors/],
    ['{"actors":null}', /no actors/],
    ['{"Actors":["a"]}', /no actors/],
    ['{"actors":"a"}', /must be an array/],
    ['{"actors":{"0":"a"}}', /must be an array/],
    ['{"actors":[]}', /must not be empty/],
    ['{"actors":["a",5]}', /actors\[1\] must be a string/],
    ['{"actors":["a","B"]}', /actors\[1\] is "B"/],
    ['{"actors":["a-dlq"]}', /does not end in -dlq/],
    ['{"actors":["../x"]}', /actors\[0\]/],
    ['{"actors":["a"],"current":"0"}', /must be an integer/],
    ['{"actors":["a"],"current":true}', /must be an integer/],
    ['{"actors":["a"],"current":1.0}', /must be an integer/],
    ['{"actors":["a"],"current":1e0}', /must be an integer/],
    ['{"actors":["a"],"current":-1}', /out of bounds: 0 to 1/],
    ['{"actors":["a"],"current":2}', /out of bounds: 0 to 1/],
    [`{"actors":["a"],"current":${"9".repeat(400)}}`, /out of bounds/],
    ['{"actors":["a"],"metadata":[]}', /metadata must be an object/],
    ['{"actors":["a"],"actors":["a"]}', /twice/],
    ["[]", /route must be an object/],
  ] as const
) {
  Deno.test(`readRoute() refuses ${json.slice(0, 60)}`, () => {
    assert.throws(() => read(json), isError("msg_parsing_error", message));
  });
}

Deno.test("readRoute() bounds actors and, where told so, depth, current and its code", () => {
  const long = '{"actors":["a","b","c","d"]}';
  assert.throws(() => read(long), isError("resource_limit", /4 names, more than 3/));
  const deep = '{"actors":["a"],"x":[[]]}';
  assert.equal(read(deep, { maxDepth: 3 }).current, 0);
  assert.throws(() => read(deep, { maxDepth: 2 }), isError("msg_parsing_error", /too deep/));
  const beyond = () => read('{"actors":["a"],"current":2}', { outOfBounds: "route_error" });
  assert.throws(beyond, isError("route_error", /out of bounds/));
  const absent = () => read('{"actors":["a"]}', { needsCurrent: true });
  assert.throws(absent, isError("msg_parsing_error", /no current/));
});

Deno.test("currentActor() is undefined when the route is finished", () => {
  const at = (current: number) => envelope({ route: { actors: ["a", "b"], current } });
  assert.deepEqual([0, 1, 2].map((current) => currentActor(at(current))), ["a", "b", undefined]);
});

Deno.test("advance() goes one step and not beyond the end", () => {
  const { route } = envelope({ route: { actors: ["a"], metadata: {}, x: 1 } });
  const next = advance(route);
  assert.deepEqual(next, { ...route, current: 1 });
  assert.equal(route.current, 0);
  assert.throws(() => advance(next), isError("route_error", /finished/));
});
