import assert from "node:assert/strict";
import type { Envelope, Frame } from "./envelope.ts";
import { routeAnswer } from "./routing.ts";
import { bytes, envelope, frame, isError, text } from "./testing.ts";

const happyEnd = "happy-end";
const ACTORS = ["prep", "infer", "post"];
const to = (current: number, actors: readonly string[] = ACTORS) => ({
  route: { actors, current },
});

/** The only envelope that goes out. */
function hop(input: Envelope, out: Frame): { actor: string; envelope: Envelope } {
  const routed = routeAnswer(input, [out], { happyEnd });
  assert.equal(routed.length, 1);
  return routed[0]!;
}

for (
  const [name, input, out, actor, current] of [
    ["without a route, to the next actor", {}, frame(2), "infer", 1],
    ["with an advanced route", {}, frame(2, to(1)), "infer", 1],
    ["from the middle", to(1), frame(2, to(2)), "post", 2],
    ["that finishes, to happy-end", to(2), frame(2, to(3)), "happy-end", 3],
    ["that finishes without a route", to(2), frame(2), "happy-end", 3],
    ["over actors that are skipped", {}, frame(2, to(2)), "post", 2],
    ["with an inserted actor", {}, frame(2, to(1, ["prep", "new", "infer"])), "new", 1],
    ["with a shortened route", {}, frame(2, to(1, ["prep"])), "happy-end", 1],
    ["that stays where it is", {}, frame(2, to(0)), "prep", 0],
    ["that goes back", to(2), frame(2, to(0)), "prep", 0],
  ] as const
) {
  Deno.test(`routeAnswer() sends a frame ${name}`, () => {
    const routed = hop(envelope(input), out);
    assert.equal(routed.actor, actor);
    assert.equal(routed.envelope.route.current, current);
    assert.equal(text(routed.envelope.payload), "2");
    assert.equal(routed.envelope.headers?.get("x-asya-hops"), "1");
  });
}

Deno.test("routeAnswer() sends the input but its status to happy-end when there is no frame", () => {
  const members = { headers: { a: 1 }, x: 1 };
  const input = envelope({ ...members, status: { attempt: 2 } });
  assert.deepEqual(routeAnswer(input, [], { happyEnd: "done" }), [
    { actor: "done", envelope: envelope(members) },
  ]);
});

Deno.test("routeAnswer() keeps all of the input but its status", () => {
  const members = {
    parent_id: "e-0",
    deadline: "2099-01-01T00:00:00Z",
    x_unknown: [1, 2],
    headers: { traceparent: "t", n: 1 },
    route: { actors: ACTORS, current: 0, metadata: { job: 1 }, extra: 1 },
  };
  const input = envelope({ ...members, status: { attempt: 2, phase: "x" } });
  const { envelope: out } = hop(input, frame({ a: 1 }));
  const kept = envelope({
    ...members,
    headers: { ...members.headers, "x-asya-hops": 1 },
    route: { ...members.route, current: 1 },
  });
  assert.deepEqual(out, kept);
});

Deno.test("routeAnswer() keeps metadata and unknown members that the frame's route leaves out", () => {
  const input = envelope({ route: { actors: ACTORS, metadata: { a: 1 }, x: 1, y: 1 } });
  const silent = hop(input, frame(1, to(1))).envelope.route;
  assert.deepEqual([silent.metadata, [...silent.extra]], ['{"a":1}', [["x", "1"], ["y", "1"]]]);
  const own = { route: { ...to(1).route, metadata: {}, x: 2, z: 3 } };
  const set = hop(input, frame(1, own)).envelope.route;
  assert.deepEqual(set.metadata, "{}");
  assert.deepEqual([...set.extra], [["x", "2"], ["y", "1"], ["z", "3"]]);
});

Deno.test("routeAnswer() takes the frame's headers where there are any", () => {
  const input = envelope({ headers: { traceparent: "t", a: 1, b: 2, "x-asya-x": 3 } });
  const headersOf = (out: Frame) => Object.fromEntries(hop(input, out).envelope.headers!);
  const reserved = { traceparent: '"t"', "x-asya-x": "3", "x-asya-hops": "1" };
  assert.deepEqual(headersOf(frame(1)), { ...reserved, a: "1", b: "2" });
  assert.deepEqual(headersOf(frame(1, { headers: null })), reserved);
  assert.deepEqual(headersOf(frame(1, { headers: {} })), reserved);
  const forged = { a: 9, traceparent: "mine", "x-asya-hops": 0, "x-asya-metrics": [] };
  assert.deepEqual(headersOf(frame(1, { headers: forged })), { ...reserved, a: "9" });
});

Deno.test("routeAnswer() takes the metrics out of the headers", () => {
  const input = envelope({ headers: { "x-asya-metrics": [1] } });
  assert.deepEqual([...hop(input, frame(1)).envelope.headers!], [["x-asya-hops", "1"]]);
});

Deno.test("routeAnswer() gives each frame of a fan-out its id, parent, route and mark", () => {
  const input = envelope({ parent_id: "e-0" });
  const frames = [frame(0), frame(1, to(2)), frame(2, to(1, ["prep"]))];
  const routed = routeAnswer(input, frames, { happyEnd });
  assert.deepEqual(routed.map(({ actor }) => actor), ["infer", "post", "happy-end"]);
  assert.deepEqual(routed.map(({ envelope }) => [envelope.id, envelope.parentId]), [
    ["e-1", "e-0"],
    ["e-1-1", "e-1"],
    ["e-1-2", "e-1"],
  ]);
  const marks = routed.map(({ envelope }) => JSON.parse(envelope.headers!.get("x-asya-fanout")!));
  assert.deepEqual(marks.map(({ answer: _, ...mark }) => mark), [
    { parent: "e-1", index: 0, count: 3, depth: 1 },
    { parent: "e-1", index: 1, count: 3, depth: 1 },
    { parent: "e-1", index: 2, count: 3, depth: 1 },
  ]);
  assert.equal(new Set(marks.map(({ answer }) => answer)).size, 1);
});

Deno.test("routeAnswer() gives the same ids for the same answer, and unique ones down the line", () => {
  const out = [frame(0), frame(1)];
  const answer = (input: Envelope) => routeAnswer(input, out, { happyEnd, maxHops: 9 });
  const ids: string[] = [];
  let level = [envelope({ route: { actors: ["a", "b", "c", "d"] } })];
  for (let depth = 0; depth < 4; depth++) {
    const next = level.flatMap((input) => answer(input)).map(({ envelope }) => envelope);
    assert.deepEqual(level.flatMap((input) => answer(input)).map((r) => r.envelope), next);
    level = next;
    ids.push(...next.filter((_, index) => index % 2 === 1).map(({ id }) => id));
  }
  assert.equal(level.length, 16);
  assert.equal(new Set(level.map(({ id }) => id)).size, 16);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(JSON.parse(level[15]!.headers!.get("x-asya-fanout")!).depth, 4);
});

Deno.test("routeAnswer() keeps the mark of a fan-out over hops of one frame", () => {
  const [, child] = routeAnswer(envelope(), [frame(0), frame(1)], { happyEnd });
  const next = hop(child!.envelope, frame(2)).envelope;
  assert.equal(next.parentId, "e-1");
  const mark = (e: Envelope) => e.headers?.get("x-asya-fanout");
  assert.equal(mark(next), mark(child!.envelope));
});

for (
  const [name, out, code, message] of [
    ["a route that is no object", { route: [] }, "processing_error", /route must be an object/],
    ["a route that is null", { route: null }, "processing_error", /route must be an object/],
    ["a route without actors", { route: { current: 1 } }, "processing_error", /no actors/],
    ["a route without current", { route: { actors: ACTORS } }, "processing_error", /no current/],
    ["an illegal name", to(1, ["prep", "B"]), "processing_error", /actors\[1\] is "B"/],
    ["a current that is text", to("1" as unknown as number), "processing_error", /integer/],
    ["a negative current", to(-1), "route_error", /out of bounds/],
    ["a current beyond the route", to(9), "route_error", /out of bounds/],
    ["an erased prefix", to(0, ["infer"]), "processing_error", /from "prep" to "infer"/],
    ["an empty route", to(0, []), "processing_error", /must not be empty/],
    [
      "too long a route",
      to(1, ["prep", ...Array(1_000).fill("a")]),
      "resource_limit",
      /1001 names/,
    ],
    [
      "headers that are no object",
      { headers: [1] },
      "processing_error",
      /headers must be an object/,
    ],
  ] as const
) {
  Deno.test(`routeAnswer() refuses ${name}`, () => {
    const call = () => routeAnswer(envelope(), [frame(1, out)], { happyEnd });
    assert.throws(call, isError(code, message));
    const among = () => routeAnswer(envelope(), [frame(1), frame(1, out)], { happyEnd });
    assert.throws(among, isError(code, message));
  });
}

Deno.test("routeAnswer() wants the actors up to and with current unchanged", () => {
  const input = envelope(to(1));
  const refuses = (actors: string[], message: RegExp) =>
    assert.throws(
      () => routeAnswer(input, [frame(1, to(1, actors))], { happyEnd }),
      isError("processing_error", message),
    );
  refuses(["x", "infer", "post"], /actors\[0\] from "prep" to "x"/);
  refuses(["prep", "x", "post"], /actors\[1\] from "infer" to "x"/);
  refuses(["prep"], /actors\[1\] from "infer" to nothing/);
});

Deno.test("routeAnswer() refuses raw JSON that is broken, deep or has a name twice", () => {
  const refuses = (out: Partial<Frame>, message: RegExp) =>
    assert.throws(
      () => routeAnswer(envelope(), [{ payload: bytes("1"), ...out }], { happyEnd }),
      isError("processing_error", message),
    );
  refuses({ route: "{" }, /invalid JSON/);
  refuses({ headers: "nul" }, /invalid JSON/);
  refuses({ headers: '{"a":1,"a":2}' }, /twice/);
  refuses({ headers: `{"a":${"[".repeat(512)}${"]".repeat(512)}}` }, /too deep/);
  refuses({ route: `{"actors":["prep"],"x":${"[".repeat(512)}${"]".repeat(512)}}` }, /too deep/);
});

Deno.test("routeAnswer() ends a loop when the hops are used up", () => {
  let input = envelope();
  const limits = { happyEnd, maxHops: 3 };
  for (let hops = 1; hops <= 3; hops++) {
    input = routeAnswer(input, [frame(1, to(0))], limits)[0]!.envelope;
    assert.equal(input.headers?.get("x-asya-hops"), String(hops));
  }
  assert.throws(
    () => routeAnswer(input, [frame(1, to(0))], limits),
    isError("route_error", /3 hops/),
  );
  assert.equal(routeAnswer(input, [], limits).length, 1);
});

Deno.test("routeAnswer() bounds frames, depth of fan-out and the head", () => {
  const frames = (count: number) => Array.from({ length: count }, (_, n) => frame(n));
  const limits = { happyEnd, maxFrames: 2, maxDepth: 2 };
  assert.equal(routeAnswer(envelope(), frames(2), limits).length, 2);
  const refuses = (input: Envelope, out: Frame[], message: RegExp) =>
    assert.throws(() => routeAnswer(input, out, limits), isError("resource_limit", message));
  refuses(envelope(), frames(3), /3 frames, more than 2/);
  const deep = envelope({ headers: { "x-asya-fanout": { depth: 2 } } });
  refuses(deep, frames(2), /2 fan-outs/);
  assert.equal(routeAnswer(deep, frames(1), limits).length, 1);
  refuses(envelope(), [frame(1, { headers: { a: "x".repeat(262_144) } })], /262144 bytes/);
  assert.equal(routeAnswer(envelope(), frames(10_000), { happyEnd }).length, 10_000);
  assert.throws(
    () => routeAnswer(envelope(), frames(10_001), { happyEnd }),
    isError("resource_limit", /10001 frames/),
  );
});

Deno.test("routeAnswer() bounds the bytes of all that goes out, headers repeated", () => {
  const input = envelope({ headers: { big: "h".repeat(100_000) } });
  const frames = (count: number) => Array.from({ length: count }, () => frame(1));
  const limits = { happyEnd, maxBytes: 1_000_000 };
  assert.equal(routeAnswer(input, frames(9), limits).length, 9);
  assert.throws(
    () => routeAnswer(input, frames(10), limits),
    isError("resource_limit", /\(10\) would take more than 1000000 bytes/),
  );
  const large = { payload: new Uint8Array(1_000_000) };
  assert.throws(
    () => routeAnswer(envelope(), [large], limits),
    isError("resource_limit", /together/),
  );
  assert.equal(routeAnswer(envelope(), [large], { happyEnd }).length, 1);
  assert.throws(
    () => routeAnswer(input, frames(2_700), { happyEnd }),
    isError("resource_limit", /268435456 bytes/),
  );
});

Deno.test("routeAnswer() refuses to advance a finished route", () => {
  assert.throws(
    () => routeAnswer(envelope(to(3)), [frame(1)], { happyEnd }),
    isError("route_error", /finished/),
  );
});
