/** What of a result is written, and how. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  checkEnvelope,
  describe,
  digitsOf,
  parseDuration,
  readSettings,
  sameJson,
  toJson,
} from "./asya_runtime.mjs";

Deno.test("toJson() writes what JSON.stringify() writes of plain values", () => {
  const values = [
    null,
    true,
    0.1,
    1e21,
    "\ud800 \u4e16\n",
    [],
    [1, undefined, [2]],
    { a: undefined, b: { "c d": null } },
    Object.assign(Object.create(null), { x: 1 }),
    JSON.parse('{"__proto__":1}'),
    { toJSON: () => "mine" },
    new URL("http://x/"),
    [new Number(3), new String("s"), new Boolean(false)],
  ];
  for (const value of values) assert.equal(toJson(value), JSON.stringify(value));
});

Deno.test("toJson() has rules for what JSON does not know", () => {
  assert.equal(toJson(-0), "-0");
  assert.equal(toJson(2n ** 64n), "18446744073709551616");
  assert.equal(toJson(new Date(0)), '"1970-01-01T00:00:00.000Z"');
  assert.equal(toJson(new Map<string, unknown>([["a", new Set([1, 1])]])), '{"a":[1]}');
  assert.equal(toJson([Buffer.from("hi"), new Uint8Array(2).buffer]), '["aGk=","AAA="]');
  assert.equal(toJson(new Float64Array([0.5, 2])), "[0.5,2]");
  assert.equal(toJson(new BigInt64Array([5n])), "[5]");
});

Deno.test("toJson() says where in a result something is not JSON", () => {
  const loop: Record<string, unknown> = {};
  loop.me = loop;
  const cases: [unknown, string | RegExp][] = [
    [{ items: [0, 1, 2, { when: NaN }] }, "result.items[3].when is NaN"],
    [-Infinity, "result is -Infinity"],
    [{ "a b": [() => 1] }, 'result["a b"][0] is a function'],
    [[Symbol.iterator], "result[0] is a symbol"],
    [{ at: new Date(NaN) }, "result.at is an invalid Date"],
    [{ later: Promise.resolve() }, "result.later is a Promise"],
    [{ like: /x/ }, "result.like is a RegExp"],
    [[new TypeError("x")], "result[0] is a TypeError"],
    [new Map([[1, 2]]), "result is a Map with a key that is a number"],
    [new Float32Array([NaN]), "result[0] is NaN"],
    [loop, /result\.me\.me.* is nested too deeply, or holds itself/],
  ];
  for (const [value, words] of cases) {
    assert.throws(() => toJson(value), (error: Error) => {
      const [, rest] = error.message.split("the handler's result is not JSON: ");
      if (typeof words === "string") assert.equal(rest, words);
      else assert.match(rest!, words);
      return error instanceof TypeError;
    });
  }
});

Deno.test("digitsOf() knows the digits of numbers that JavaScript rounds", () => {
  const text = '{"9007199254740993":"12345678901234567890","a":[9007199254740993,1.0,1e999]}';
  const digits = digitsOf(text);
  assert.deepEqual([...digits!], [[9007199254740992, "9007199254740993"]]);
  assert.equal(toJson({ b: 9007199254740992 }, "result", digits), '{"b":9007199254740993}');
  assert.equal(digitsOf('{"a":1,"b":"\\"x"}'), undefined);
});

Deno.test("digitsOf() gives none where two numbers look alike", () => {
  const digits = digitsOf("[9007199254740993,9007199254740992]");
  assert.equal(toJson(9007199254740992, "result", digits), "9007199254740992");
});

Deno.test("sameJson() tells types, signs and order apart, however deep", () => {
  const parse = (text: string) => JSON.parse(text);
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  assert(sameJson(parse(deep), parse(deep)));
  assert(sameJson({ a: [1, null] }, { a: [1, null] }));
  const others = [[0, -0], [{ a: 1, b: 2 }, { b: 2, a: 1 }], [[], {}], [[1], [1, 2]], [null, {}]];
  for (const [a, b] of others) assert(!sameJson(a, b), JSON.stringify([a, b]));
  assert(!sameJson({ a: new Date(0) }, { a: {} }));
});

Deno.test("describe() names classes, ancestors and causes, within bounds", () => {
  class Odd extends RangeError {}
  const odd = describe(new Odd("x".repeat(50_000), { cause: new Error("why") }));
  assert.deepEqual([odd.type, odd.mro], ["Odd", ["RangeError", "Error"]]);
  assert(odd.message.length < 16_384 && odd.traceback.length < 16_384);
  assert.match(odd.message, /characters cut/);
  const abort = describe(new DOMException("no", "AbortError"));
  assert.deepEqual([abort.type, abort.mro[0]], ["AbortError", "DOMException"]);
  const evil = Object.defineProperty(new Error("x"), "message", {
    get() {
      throw new Error("not you");
    },
  });
  assert.equal(describe(evil).message, "(its message cannot be shown)");
  assert.deepEqual(describe(undefined).message, "undefined");
});

Deno.test("checkEnvelope() refuses in the order of the contract", () => {
  const route = (route: unknown) => ({ payload: 1, route });
  const cases: [unknown, string][] = [
    [7, "Missing required field 'payload' in envelope"],
    [{}, "Missing required field 'payload' in envelope"],
    [{ payload: 1 }, "Missing required field 'route' in envelope"],
    [route([]), "Field 'route' must be a dict"],
    [route({}), "Missing required field 'actors' in route"],
    [route({ actors: "a" }), "Field 'route.actors' must be a list"],
    [route({ actors: [], current: true }), "Field 'route.current' must be an integer"],
    [route({ actors: [] }), "Field 'route.actors' cannot be empty"],
    [
      route({ actors: ["a"], current: 2 }),
      "Invalid route.current=2: out of bounds for actors of length 1",
    ],
    [{ ...route({ actors: ["a"] }), headers: null, id: 1 }, "Field 'headers' must be a dict"],
    [{ ...route({ actors: ["a"] }), id: 1 }, "Field 'id' must be a string"],
  ];
  for (const [envelope, message] of cases) {
    assert.throws(() => checkEnvelope(envelope), { message });
  }
  checkEnvelope(route({ actors: ["a"], current: 1 }));
});

Deno.test("readSettings() has the defaults of the contract", () => {
  assert.deepEqual(readSettings({ ASYA_HANDLER: "h.mjs" }), {
    handler: "h.mjs",
    envelopeMode: false,
    validate: true,
    folder: "/var/run/asya",
    socketPath: "/var/run/asya/asya-runtime.sock",
    socketMode: 0o666,
    chunk: 65536,
    logLevel: 20,
    concurrency: 1,
    batchSize: 1,
    batchWait: 10,
    shutdownGrace: 30_000,
    cancelGrace: 5_000,
  });
  assert.equal(readSettings({ ASYA_HANDLER: "h", ASYA_SOCKET_CHMOD: "" }).socketMode, undefined);
  assert.throws(() => readSettings({}), { message: /ASYA_HANDLER is not set/ });
});

Deno.test("parseDuration() reads what Go writes", () => {
  assert.deepEqual(["0", "1m30s", "250ms", "1.5h", "5", "s", "-1s"].map(parseDuration), [
    0,
    90_000,
    250,
    5_400_000,
    undefined,
    undefined,
    undefined,
  ]);
});
