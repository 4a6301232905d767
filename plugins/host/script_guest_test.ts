import assert from "node:assert/strict";
import { PluginError } from "../plugin.ts";
import type { HttpRequest } from "./http.ts";
import type { LogLine } from "./guest_log.ts";
import { callGuest, runScript, scriptGuest } from "./testdata/script_guest.ts";

Deno.test("createScriptGuest() calls what a script exports by the function's name, or as default", async () => {
  assert.equal(
    await runScript(`export default (p) => ({ got: p })`, `[1,"é🎉"]`),
    `{"got":[1,"é🎉"]}`,
  );
  assert.equal(await runScript(`export function handle(p) { return p + 1 }`, "41"), "42");
  const both = `export function handle() { return "named" }\nexport default () => "default"`;
  assert.equal(await runScript(both), `"named"`);
  assert.equal(await runScript(both, "0", { functionName: "other" }), `"default"`);
});

Deno.test("createScriptGuest() says what a script without a handler exports", async () => {
  await assert.rejects(scriptGuest(`export const handle = 1; export function hanlde() {}`), {
    name: "PluginError",
    code: "missing_function",
    message: /no function "handle" and none as default; it exports: handle, hanlde/,
  });
  await assert.rejects(scriptGuest(``), { code: "missing_function", message: /exports: nothing/ });
});

Deno.test("ScriptGuest.call() answers with one value, a fan-out, or nothing", async () => {
  const cases: Record<string, string> = {
    "{ a: [1] }": `{"a":[1]}`,
    "[1, null, 'x']": `[1,null,"x"]`,
    "'text'": `"text"`,
    "false": "false",
    "[]": "[]",
    "null": "",
    "undefined": "",
    "Promise.resolve({ b: 2 })": `{"b":2}`,
    "Promise.resolve(null)": "",
    "{ then(done) { done('a thenable') } }": `"a thenable"`,
    "new Date(0)": `"1970-01-01T00:00:00.000Z"`,
    "'\\ud800\\0'": `"\\ud800\\u0000"`,
  };
  for (const [value, expected] of Object.entries(cases)) {
    assert.equal(await runScript(`export default () => (${value})`), expected, value);
  }
});

Deno.test("ScriptGuest.call() runs the promises of a handler to their end", async () => {
  const source = `
    const later = (value) => Promise.resolve().then(() => value);
    let floating = 0;
    export default async function (n) {
      if (n === 0) return floating;
      (async () => { for (let i = 0; i < 1000; i++) await null; floating++; })();
      let sum = 0;
      for (let i = 0; i < n; i++) sum += await later(i);
      return sum;
    }`;
  const guest = await scriptGuest(source);
  assert.equal(callGuest(guest, "1000"), "499500");
  assert.equal(callGuest(guest, "0"), "1", "what nobody awaits belongs to its call");
});

Deno.test("ScriptGuest.call() reports a promise that never settles", async () => {
  const never = { code: "guest_error", message: /waits for something that never happens/ };
  await assert.rejects(runScript(`export default () => new Promise(() => {})`), never);
  await assert.rejects(scriptGuest(`await new Promise(() => {}); export default () => 1`), never);
  const settles = `const x = await Promise.resolve(7); export default () => x`;
  assert.equal(await runScript(settles), "7");
});

Deno.test("ScriptGuest.call() reports a result that is no JSON", async () => {
  const circular = `export default () => { const a = {}; a.a = a; return a }`;
  for (const source of [circular, `export default () => 1n`, `export default () => () => 1`]) {
    await assert.rejects(runScript(source), {
      code: "guest_error",
      type: "TypeError",
      message: /^the result cannot be written as JSON: /,
    });
  }
  const own = `export default () => ({ toJSON() { throw new RangeError("mine") } })`;
  await assert.rejects(runScript(own), { type: "RangeError", message: "mine" });
});

Deno.test("ScriptGuest.call() reports what a handler throws, with type, message and stack", async () => {
  const thrown = async (statement: string) => {
    const source = `class NotReady extends Error {}\nexport default () => {\n  ${statement}\n}`;
    const error = await runScript(source).catch((error) => error);
    assert(error instanceof PluginError);
    assert.equal(error.code, "guest_error");
    return error;
  };
  const { type, message, guestStack } = await thrown(`throw new NotReady("later")`);
  assert.deepEqual([type, message], ["NotReady", "later"]);
  assert.match(guestStack!, /^at .*\nat default \(handler\.js:3:\d+\)$/, "no frame of ours");
  const named = await thrown(`const e = new Error("x"); e.name = "my.Error"; throw e`);
  assert.equal(named.type, "my.Error");
  assert.equal((await thrown(`null.x`)).type, "TypeError");
  assert.equal((await thrown(`throw "a text"`)).message, "a text");
  assert.equal((await thrown(`throw { code: 7 }`)).message, `{"code":7}`);
  assert.equal((await thrown(`throw undefined`)).message, "undefined");
  const rejected = await thrown(`return Promise.reject(new NotReady("async"))`);
  assert.deepEqual([rejected.type, rejected.message], ["NotReady", "async"]);
});

Deno.test("ScriptGuest.call() gives a handler its context", async () => {
  const source = `export default (_, { id, attempt, deadline, actor, config, input }) =>
    ({ id, attempt, deadline, actor, config, input })`;
  const context = { "asya.id": "e-1", "asya.attempt": "2", "asya.actor": "scorer" };
  const config = { greeting: "hej" };
  const big = `{"n": 9007199254740993}`;
  assert.deepEqual(JSON.parse(await runScript(source, big, { context, config })), {
    ...{ id: "e-1", attempt: 2, actor: "scorer" },
    ...{ config, input: big },
  });
  const deadline = "2030-01-01T00:00:00Z";
  const dated = await runScript(source, "1", { context: { "asya.deadline": deadline } });
  assert.equal(JSON.parse(dated).deadline, deadline);
});

Deno.test("ScriptGuest.call() passes on partial results, metrics, state and HTTP", async () => {
  const asked: unknown[] = [];
  const text = new TextDecoder();
  const state = new Map<string, Uint8Array<ArrayBuffer>>();
  const host = {
    partial: (body: Uint8Array) => void asked.push(text.decode(body)),
    metric: (...metric: unknown[]) => void asked.push(metric),
    getState: (key: string) => state.get(key),
    setState: (key: string, value?: Uint8Array) =>
      void (value ? state.set(key, new Uint8Array(value)) : state.delete(key)),
    http: ({ body, ...request }: HttpRequest) => {
      asked.push({ ...request, body: body && text.decode(body) });
      return { status: 201, headers: { a: "b" }, body: new TextEncoder().encode(`{"é":1}`) };
    },
  };
  const source = `export default (_, context) => {
    context.partial({ half: "é" });
    context.metric("seen", 1.5, { kind: 2 });
    context.metric("plain", -1);
    const { state } = context;
    const before = state.get("a\\0b");
    state.set("a\\0b", { n: [1] });
    const after = state.get("a\\0b");
    state.delete("a\\0b");
    const reply = context.http({ url: "https://h/x", method: "post", headers: { n: 1 }, body: "é" });
    context.http({ url: "https://h/" });
    return { before, after, last: state.get("a\\0b"), reply, json: reply.json() };
  }`;
  assert.deepEqual(JSON.parse(await runScript(source, "0", { host })), {
    after: { n: [1] },
    reply: { status: 201, headers: { a: "b" }, body: `{"é":1}` },
    json: { "é": 1 },
  });
  assert.deepEqual(asked, [
    `{"half":"é"}`,
    ["seen", 1.5, { kind: "2" }],
    ["plain", -1, {}],
    { method: "POST", url: "https://h/x", headers: { n: "1" }, body: "é" },
    { method: "GET", url: "https://h/", headers: {}, body: undefined },
  ]);
});

Deno.test("ScriptGuest.call() refuses host calls with values of the wrong kind", async () => {
  const calls = {
    "metric('m', 'x')": /metric m is not a finite number/,
    "metric('m', NaN)": /not a finite number/,
    "state.get(1)": /a key of context\.state is a string, not number/,
    "state.set('k', undefined)": /the state of k cannot be written as JSON/,
    "partial(1n)": /the partial result cannot be written as JSON/,
    "http({ url: 'x', body: {} })": /body of context\.http\(\) is a string/,
  };
  for (const [call, message] of Object.entries(calls)) {
    const source = `export default (_, context) => { context.${call} }`;
    await assert.rejects(runScript(source), { code: "guest_error", type: "TypeError", message });
  }
});

Deno.test("ScriptGuest.call() ends when the host denies, whatever the guest catches", async () => {
  const denied = new PluginError("denied", "no HTTP for you");
  const host = {
    http: () => {
      throw denied;
    },
  };
  const source = `export default (_, { http }) => {
    try { http({ url: "x" }) } catch {}
    for (;;);
  }`;
  await assert.rejects(runScript(source, "0", { host }), {
    code: "denied",
    message: "no HTTP for you",
  });
  const quiet = `export default (_, { http }) => { try { http({ url: "x" }) } catch {} return 1 }`;
  await assert.rejects(runScript(quiet, "0", { host }), { code: "denied" });
});

Deno.test("ScriptGuest.call() lets a guest catch what went wrong outside, such as a connection", async () => {
  const host = {
    http: () => {
      throw new PluginError("guest_error", "connection refused");
    },
  };
  const caught = `export default (_, { http }) => {
    try { http({ url: "x" }) } catch (error) { return error.message }
  }`;
  assert.equal(await runScript(caught, "0", { host }), `"connection refused"`);
  const uncaught = `export default (_, { http }) => http({ url: "x" })`;
  const expected = { code: "guest_error", message: "connection refused" };
  await assert.rejects(runScript(uncaught, "0", { host }), expected);
});

Deno.test("ScriptGuest.call() forwards the console", async () => {
  const lines: LogLine[] = [];
  const guest = await scriptGuest(`
    console.log("at load: dropped");
    export default () => {
      console.log("a", 1, { b: [2] }, undefined);
      console.debug("d"); console.info("i"); console.warn("w"); console.error(new TypeError("é"));
    }`);
  callGuest(guest, "0", {}, lines);
  const [first, ...others] = lines;
  assert.deepEqual(first, { level: "info", message: `a 1 {"b":[2]} undefined` });
  assert.deepEqual(others.map(({ level }) => level), ["debug", "info", "warn", "error"]);
  assert.match(lines.at(-1)!.message, /^TypeError: é\n.*handler\.js:5/);
});

Deno.test("createScriptGuest() offers what is pure, and names what to use in place of the rest", async () => {
  const clone = `export default (p) => { const c = structuredClone(p); c.a.b = 2; return [p, c] }`;
  assert.equal(await runScript(clone, `{"a":{"b":1}}`), `[{"a":{"b":1}},{"a":{"b":2}}]`);
  const micro = `export default async () => {
    let n = 0; queueMicrotask(() => n++); await null; await null; return n }`;
  assert.equal(await runScript(micro), "1");
  await assert.rejects(runScript(`export default () => fetch("https://x")`), {
    message: /^fetch\(\) is not there in a handler: use context\.http/,
  });
  await assert.rejects(runScript(`export default () => setTimeout(() => {}, 1)`), {
    message: /^setTimeout\(\) is not there/,
  });
  const absent =
    `export default () => ["SharedArrayBuffer", "Atomics", "process", "Deno", "require",
    "WebAssembly", "Worker"].filter((name) => name in globalThis)`;
  assert.equal(await runScript(absent), "[]");
  const evaluated = `export default () => eval("6") * new Function("return 7")()`;
  assert.equal(await runScript(evaluated), "42", "of use to packages, and no way out");
});

Deno.test("createScriptGuest() refuses imports that are not bundled", async () => {
  await assert.rejects(scriptGuest(`import fs from "node:fs"; export default () => fs`), {
    code: "invalid_module",
    message: /imports "node:fs", which is not there/,
  });
  await assert.rejects(runScript(`export default () => import("other")`), {
    code: "guest_error",
    message: /imports "other", which is not there/,
  });
});

Deno.test("createScriptGuest() tells syntax errors from errors at the top level", async () => {
  await assert.rejects(scriptGuest(`export default 1;\nlet x = ;`), {
    code: "invalid_module",
    type: "SyntaxError",
    message: /\(at handler\.js:2:9\)/,
  });
  await assert.rejects(scriptGuest(`JSON.parse("{"); export default () => 1`), {
    code: "guest_error",
    type: "SyntaxError",
  });
  await assert.rejects(scriptGuest(`await null; throw new TypeError("top")`), {
    code: "guest_error",
    type: "TypeError",
    message: "top",
  });
});

Deno.test("ScriptGuest.call() keeps what a script keeps, for the next call of the same guest", async () => {
  const guest = await scriptGuest(`let n = 0; export default () => ++n`);
  assert.deepEqual([callGuest(guest), callGuest(guest), callGuest(guest)], ["1", "2", "3"]);
});

Deno.test("ScriptGuest.call() does 10,000 calls without growing", async () => {
  const guest = await scriptGuest(
    `export default async (p, c) => {
      console.log("x"); c.partial(p); await null;
      try { c.state.get("k") } catch { }
      return [c.id, p];
    }`,
  );
  const host = { partial: () => {}, getState: () => new Uint8Array([0x31]) };
  const input = JSON.stringify({ text: "é".repeat(100) });
  let first = 0;
  for (let i = 0; i < 10_000; i++) {
    callGuest(guest, input, { host });
    if (i === 1_000) first = guest.memoryUsed;
  }
  assert(first > 0);
  assert(guest.memoryUsed - first < 1_000, `${first} bytes became ${guest.memoryUsed}`);
  assert.equal(guest.wornOut, false);
});

Deno.test("ScriptGuest.wornOut says so before a leak becomes a failure", async () => {
  const leak =
    `const kept = []; export default (n) => { kept.push(new Uint8Array(n)); return kept.length }`;
  for (const bytes of [1_000, 100_000, 500_000]) {
    const guest = await scriptGuest(leak);
    let calls = 0;
    for (; !guest.wornOut && calls < 10_000; calls++) callGuest(guest, String(bytes));
    assert(guest.wornOut && calls * bytes > 1_000_000, `${calls} calls of ${bytes} bytes`);
  }
});

Deno.test("createScriptGuest() works in a worker without any permission", async () => {
  const worker = new Worker(new URL("./testdata/script_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: "none" },
  });
  try {
    const answers = await new Promise<string[]>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
    assert.deepEqual(answers, [`{"n":2}`, "timeout", "timeout", "memory_limit", "trap", `{"n":3}`]);
  } finally {
    worker.terminate();
  }
});
