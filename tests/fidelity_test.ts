import assert from "node:assert/strict";
import { type Envelope, FANOUT_HEADER, HOPS_HEADER } from "@asya/envelope";
import { pythonActor } from "./project.ts";
import { bytes, running, WASM_ECHO, wasmActor } from "./running.ts";

const DIGITS = "1234567890".repeat(40);

/** Everything that parsing and printing again would change. */
const PAYLOADS: Readonly<Record<string, string>> = {
  integer: "9007199254740993",
  infinite: "1e400",
  "minus-zero": "-0",
  long: DIGITS,
  surrogate: '"\\ud800"',
  all: String.raw`{ "n" :9007199254740993,
	"n": [1e400,-1e400 , -0,-0.0, 1.10, 1E2, 0.1000000000000000055511151231257827],
  "long":${DIGITS},"negative":-${DIGITS}, "lone":"\ud800 \udc00\uD83d", "\udfff":"\u0041\/",
  "twice":{"a":1, "a":2,"":{} , "":[ ]},"é":"é\u00e9"  }`,
};

/** Five hops through actors `hop-1` to `hop-5`. */
const HOPS = [1, 2, 3, 4, 5].map((n) => `hop-${n}`);

async function survives(files: Readonly<Record<string, string>>): Promise<void> {
  await running(files, async ({ put, result }) => {
    const route = JSON.stringify({ actors: HOPS });
    for (const [id, payload] of Object.entries(PAYLOADS)) {
      await put("hop-1", bytes(`{"id":"${id}","route":${route},"payload":${payload}}`));
    }
    for (const [id, payload] of Object.entries(PAYLOADS)) {
      const envelope = await result(id);
      assert.equal(new TextDecoder().decode(envelope.payload), payload);
      assert.equal(envelope.route.current, 5);
      assert.equal(envelope.headers?.get(HOPS_HEADER), "5");
    }
  });
}

Deno.test("startLocal() keeps a payload byte for byte over five WASM actors", () =>
  survives({
    "actors.yaml": HOPS.map((name) => wasmActor(name, "assembly/echo.ts")).join(""),
    "assembly/echo.ts": WASM_ECHO,
  }));

Deno.test("startLocal() keeps a payload byte for byte over five Python actors", () =>
  survives({
    "actors.yaml": HOPS.map((name) => pythonActor(name, "echo.process")).join(""),
    "echo.py": "def process(payload):\n    return payload\n",
  }));

/** Members that Python's own JSON would write differently, or not at all. */
const ODD = String.raw`{"n":1e400,"z":-0,"d":1.10,"lone":"\ud800","a":1,"a":2}`;
const HEADERS: Readonly<Record<string, string>> = {
  traceparent: '"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"',
  priority: '"high"',
  count: "9007199254740993",
  infinite: "1e400",
  "minus-zero": "-0",
  decimal: "1.10",
  long: DIGITS,
  lone: String.raw`"\ud800"`,
  odd: ODD,
};
const METADATA = `{"job":9007199254740993,"odd":${ODD}}`;

function object(members: Readonly<Record<string, string>>): string {
  const entries = Object.entries(members);
  return `{${entries.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}`;
}

const HANDLERS = `def same(payload):
    return payload

def split(payload):
    return [payload, {"part": 1}, {"part": 2}]

def inspect(envelope):
    envelope["route"]["current"] += 1
    return envelope

def rebuild(envelope):
    """Returns no more than it must; the rest is kept for it."""
    route = {"actors": envelope["route"]["actors"], "current": envelope["route"]["current"] + 1}
    return {"payload": envelope["payload"], "route": route}
`;

/** What must be the same at the end, as it was written. */
function kept({ deadline, route, extra, headers }: Envelope): unknown {
  const own = new Map(headers);
  own.delete(HOPS_HEADER);
  own.delete(FANOUT_HEADER);
  const { actors, metadata, extra: routeExtra } = route;
  return { deadline, actors, metadata, own, extra, routeExtra };
}

Deno.test("startLocal() keeps headers, parent_id, deadline, metadata and unknown members over five hops and a fan-out", async () => {
  const actors = ["python", "inspect", "split", "wasm", "rebuild"];
  const files = {
    "actors.yaml": pythonActor("python", "handlers.same") +
      pythonActor("inspect", "handlers.inspect", "", "envelope") +
      pythonActor("split", "handlers.split") +
      wasmActor("wasm", "assembly/echo.ts") +
      pythonActor("rebuild", "handlers.rebuild", "", "envelope"),
    "handlers.py": HANDLERS,
    "assembly/echo.ts": WASM_ECHO,
  };
  const id = "batch/7 é";
  const payload = `{"whole": 1e400}`;
  const body = object({
    id: JSON.stringify(id),
    parent_id: '"parent-1"',
    route: object({ actors: JSON.stringify(actors), metadata: METADATA, "x-plan": ODD }),
    headers: object(HEADERS),
    deadline: '"2999-12-31T23:59:59.5+01:00"',
    "x-unknown": ODD,
    "x-long": DIGITS,
    payload,
  });
  const expected = {
    deadline: "2999-12-31T23:59:59.5+01:00",
    actors,
    metadata: METADATA,
    own: new Map(Object.entries(HEADERS)),
    extra: new Map([["x-unknown", ODD], ["x-long", DIGITS]]),
    routeExtra: new Map([["x-plan", ODD]]),
  };
  await running(files, async ({ put, result }) => {
    await put("python", bytes(body));
    const payloads = [payload, '{"part":1}', '{"part":2}'];
    for (const [index, json] of payloads.entries()) {
      const envelope = await result(index === 0 ? id : `${id}-${index}`);
      assert.deepEqual(kept(envelope), expected);
      assert.equal(new TextDecoder().decode(envelope.payload), json);
      assert.equal(envelope.parentId, index === 0 ? "parent-1" : id);
      assert.equal(envelope.route.current, 5);
      assert.equal(envelope.headers?.get(HOPS_HEADER), "5");
      const mark = JSON.parse(envelope.headers?.get(FANOUT_HEADER) ?? "null");
      assert.deepEqual({ ...mark, answer: "" }, {
        parent: id,
        index,
        count: 3,
        depth: 1,
        answer: "",
      });
    }
  });
});
