import assert from "node:assert/strict";
import type { PluginErrorCode } from "../plugin.ts";
import { newEngine } from "./script_engine.ts";
import {
  callGuest,
  HASTY_LIMITS,
  runScript,
  SCRIPT_LIMITS,
  scriptGuest,
} from "./testdata/script_guest.ts";

await newEngine(0); // compiled before a clock runs

/** Handlers that never end by themselves. */
const ENDLESS: Record<string, string> = {
  "a loop": `() => { for (;;); }`,
  "a loop that catches": `() => { for (;;) { try { for (;;); } catch {} } }`,
  "a loop in finally": `() => { try { for (;;); } finally { for (;;); } }`,
  "a regular expression": `() => /^(a+)+$/.test("a".repeat(40) + "b")`,
  "a regular expression in replace": `() => ("a".repeat(40) + "b").replace(/^(a+)+$/, "")`,
  "toJSON": `() => ({ toJSON() { for (;;); } })`,
  "a comparator": `() => [2, 1].sort(() => { for (;;); })`,
  "a reviver": `() => JSON.parse("[1]", () => { for (;;); })`,
  "a getter of the result": `() => ({ get a() { for (;;); } })`,
  "a proxy": `() => new Proxy({}, { get() { for (;;); } })`,
  "await in a loop": `async () => { while (true) await null; }`,
  "jobs that nobody awaits": `() => { (async () => { while (true) await null; })(); return 1 }`,
  "jobs that make jobs":
    `() => { const f = () => queueMicrotask(f); f(); return new Promise(() => {}) }`,
  "a loop behind await": `async () => { await null; for (;;); }`,
  "a thenable": `() => ({ then() { for (;;); } })`,
  "a message": `() => { throw { get message() { for (;;); } } }`,
  "a stack": `() => { throw { message: "x", get stack() { for (;;); } } }`,
  "a name":
    `() => { const e = new Error(); Object.defineProperty(e, "name", { get() { for (;;); } }); throw e }`,
  "a built-in over a long array":
    `() => { const a = { length: 2 ** 53 - 1 }; Array.prototype.indexOf.call(a, 1) }`,
  "a typed array's fill": `() => { const a = new Uint8Array(1e6); for (;;) a.fill(1) }`,
  "big integers": `() => { let n = 3n ** 10000n; for (;;) n = (n * n) % (2n ** 20000n) }`,
  "a generator": `() => { function* g() { for (;;) yield 1 } for (const _ of g()); }`,
  "a class's iterator":
    `() => [...{ [Symbol.iterator]: () => ({ next: () => ({ value: 0 }) }) }].length`,
  "eval": `() => eval("for (;;);")`,
  "console": `() => { for (;;) console.log("x") }`,
  "a host call in a loop": `(_, context) => { for (;;) context.metric("m", 1) }`,
};

for (const [what, handler] of Object.entries(ENDLESS)) {
  Deno.test(`ScriptGuest.call() interrupts ${what}`, async () => {
    const guest = await scriptGuest(`export default ${handler}`);
    const started = performance.now();
    const host = { metric: () => {} };
    assert.throws(
      () => callGuest(guest, "1", { limitMs: 150, host }),
      (error: Error & { code: string }) => {
        // Memory may be gone before the time is.
        assert.match(error.code, /^(timeout|memory_limit)$/, error.message);
        if (error.code === "timeout") assert.equal(error.message, "interrupted after 150 ms");
        return true;
      },
    );
    assert(performance.now() - started < 5_000);
  });
}

for (
  const source of ["for (;;);", "await null; for (;;);", `/^(a+)+$/.test("a".repeat(40) + "b")`]
) {
  Deno.test(`createScriptGuest() interrupts ${source} at the top level`, () =>
    assert.rejects(scriptGuest(`${source}\nexport default () => 1`, { limits: HASTY_LIMITS }), {
      code: "timeout",
      message: "interrupted after 150 ms",
    }));
}

Deno.test("ScriptGuest.call() names the function that it interrupted", async () => {
  const source = `function inner(n) {\n  for (;;) n.toString();\n}\nexport default () => inner(1);`;
  const error = await runScript(source, "1", { limitMs: 150 }).catch((error) => error);
  assert.match(error.guestStack, /^at inner \(.*\nat default \(handler\.js:4/);
});

Deno.test("ScriptGuest.call() takes a lower limit for one call", async () => {
  const call = runScript(`export default () => { for (;;); }`, "1", { limitMs: 20 });
  await assert.rejects(call, { code: "timeout", message: "interrupted after 20 ms" });
});

/** Handlers that want too much, with 4 MB of memory and 200 KB of output. */
const GREEDY: Record<string, [handler: string, code: PluginErrorCode]> = {
  "an array": [`() => { const a = []; for (;;) a.push({}) }`, "memory_limit"],
  "strings": [`() => { const a = []; for (;;) a.push("x".repeat(10_000)) }`, "memory_limit"],
  "doubling a string": [`() => { let s = "x"; for (;;) s += s }`, "memory_limit"],
  "doubling and flattening": [
    `() => { let s = "xy"; for (;;) s = (s + s).toUpperCase() }`,
    "memory_limit",
  ],
  "typed arrays": [
    `() => { const a = []; for (;;) a.push(new Uint8Array(100_000)) }`,
    "memory_limit",
  ],
  "one typed array": [`() => new Uint8Array(1e9)`, "memory_limit"],
  "one array buffer": [`() => new ArrayBuffer(2 ** 31 - 1)`, "memory_limit"],
  "repeat": [`() => "x".repeat(1e9)`, "memory_limit"],
  "a map": [`() => { const m = new Map(); for (let i = 0;; i++) m.set(i, {}) }`, "memory_limit"],
  "closures": [`() => { let f = () => {}; for (;;) { const g = f; f = () => g } }`, "memory_limit"],
  "pending promises": [
    `async () => { const a = []; for (;;) a.push(new Promise(() => {})) }`,
    "memory_limit",
  ],
  "big integers": [`() => { let n = 3n; for (;;) n = n * n }`, "guest_error"],
  "a JSON result": [`() => { const s = "x".repeat(1e6); return [s, s, s, s] }`, "memory_limit"],
  "an error's message": [`() => { throw new Error("x".repeat(3.9e6)) }`, "guest_error"],
  "a large output": [`() => "x".repeat(200_000)`, "output_limit"],
  "a large output in UTF-8": [`() => "é".repeat(150_000)`, "output_limit"],
  "recursion": [`function f(n) { return f(n) + 1 }`, "trap"],
  "recursion by getters": [`() => { const o = { get a() { return this.a } }; return o.a }`, "trap"],
  "recursion by sort": [`function f() { [2, 1].sort(f); return 1 }`, "trap"],
  "recursion by toJSON": [
    `() => { class A { toJSON() { return JSON.stringify(new A()) } } return new A() }`,
    "trap",
  ],
  "recursion by proxies": [
    `() => { let p = {}; for (let i = 0; i < 20_000; i++) p = new Proxy(p, {}); return p.x }`,
    "trap",
  ],
  "nesting in JSON.parse": [`() => JSON.parse("[".repeat(500_000))`, "trap"],
  "nesting in code": [`() => eval("(".repeat(200_000))`, "trap"],
};

for (const [what, [handler, code]] of Object.entries(GREEDY)) {
  Deno.test(`ScriptGuest.call() ends ${what} with ${code}`, async () => {
    await assert.rejects(runScript(`export default ${handler}`), { name: "PluginError", code });
  });
}

Deno.test("ScriptGuest.call() names the limit of memory, and the end of the stack", async () => {
  await assert.rejects(runScript(`export default () => new Uint8Array(1e9)`), {
    message: "out of memory; the limit is 4194304 bytes",
  });
  await assert.rejects(runScript(`export default function f() { return f() + 1 }`), {
    message: "the guest's stack is exhausted (endless recursion?)",
  });
});

Deno.test("createScriptGuest() keeps the top level in bounds", async () => {
  const bomb = `const a = []; for (;;) a.push({}); export default () => 1`;
  await assert.rejects(scriptGuest(bomb), { code: "memory_limit" });
  const deep = `(function f() { return f() + 1 })(); export default () => 1`;
  await assert.rejects(scriptGuest(deep), { code: "trap" });
  const tiny = { ...SCRIPT_LIMITS, memoryBytes: 65_536 };
  await assert.rejects(scriptGuest(`export default () => 1`, { limits: tiny }), {
    code: "memory_limit",
    message: "a script needs at least 1048576 bytes of memory, not 65536",
  });
  const small = { ...SCRIPT_LIMITS, memoryBytes: 1_048_576 };
  assert.equal(await runScript(`export default (n) => n + 1`, "1", { limits: small }), "2");
});

Deno.test("ScriptGuest.call() lets a guest recover from its own excess", async () => {
  const memory = `export default () => { try { new Uint8Array(1e9) } catch { return "ok" } }`;
  assert.equal(await runScript(memory), `"ok"`);
  const stack =
    `function f() { return f() + 1 }\nexport default () => { try { f() } catch { return "ok" } }`;
  assert.equal(await runScript(stack), `"ok"`);
});

Deno.test("ScriptGuest.call() refuses an input larger than the memory of a call", async () => {
  const guest = await scriptGuest(`export default (p) => p.length`);
  assert.throws(() => callGuest(guest, JSON.stringify("x".repeat(1_000_000))), {
    code: "memory_limit",
    message: "the call needs more than 1000000 bytes of host memory",
  });
});

Deno.test("ScriptGuest.call() refuses an input for which the guest has no memory", async () => {
  const roomy = { ...SCRIPT_LIMITS, kernelBytes: 20_000_000, memoryBytes: 1_000_000 };
  const input = JSON.stringify("x".repeat(10_000_000));
  await assert.rejects(runScript(`export default (p) => p.length`, input, { limits: roomy }), {
    code: "memory_limit",
  });
});

Deno.test("ScriptGuest.call() counts what the host hands over", async () => {
  const host = { getState: () => new TextEncoder().encode(JSON.stringify("x".repeat(300_000))) };
  const source = `export default (n, { state }) => { while (n-- > 0) state.get("k"); return 1 }`;
  assert.equal(await runScript(source, "2", { host }), "1");
  await assert.rejects(runScript(source, "4", { host }), { code: "memory_limit" });
});

Deno.test("ScriptGuest.call() takes deep input as far as the stack goes, and ends in order beyond", async () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const echo = `export default (p) => ({ p })`;
  assert.equal(await runScript(echo, nested(500)), `{"p":${nested(500)}}`);
  await assert.rejects(runScript(echo, nested(400_000)), { code: "trap" });
  const deep =
    `export default () => { let a = []; for (let i = 0; i < 20_000; i++) a = [a]; return { a } }`;
  await assert.rejects(runScript(deep), { code: "trap" });
});

Deno.test("ScriptGuest.call() reports input that is no JSON", async () => {
  for (const input of ["", "{", "\0", "1 2"]) {
    await assert.rejects(runScript(`export default () => 1`, input), {
      code: "guest_error",
      type: "SyntaxError",
    });
  }
});

/** Results and errors that fight back: each ends in order. */
const CRAFTY: Record<string, RegExp> = {
  [`() => ({ get a() { throw new RangeError("getter") } })`]: /^getter$/,
  [`() => new Proxy({}, { ownKeys() { throw new Error("trap") } })`]: /^trap$/,
  [`() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy }`]:
    /revoked/,
  [`() => { throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } }) }`]:
    /^a thrown object$/,
  [`() => { throw { get message() { throw 1 } } }`]: /^a thrown object$/,
  [`() => { throw Object.assign(new Error("x"), { stack: { toString() { throw 1 } } }) }`]: /^x$/,
  [`() => { throw Symbol("s") }`]: /^Symbol\(s\)$/,
  [`() => { throw () => {} }`]: /=>/,
  [`() => { Error.prototype.message = 1; throw new Error() }`]: /./,
  [`() => { Object.prototype.then = () => {}; return {} }`]: /never happens/,
  [`() => { Object.prototype.toJSON = () => "x"; throw new Error("y") }`]: /cannot be described/,
  [`() => { Array.prototype.toJSON = () => 1; console.log("x") }`]: /changed built-ins/,
  [`(_, c) => { Object.fromEntries = () => ({ a: {} }); c.http({ url: "x" }) }`]:
    /changed built-ins/,
  [`() => { throw new InternalError("interrupted") }`]: /^interrupted$/,
};

for (const [handler, message] of Object.entries(CRAFTY)) {
  Deno.test(`ScriptGuest.call() reports ${handler}`, () =>
    assert.rejects(runScript(`export default ${handler}`), {
      name: "PluginError",
      code: "guest_error",
      message,
    }));
}

Deno.test("ScriptGuest.call() does not let a guest reach the host by what it is given", async () => {
  const source = `export default (_, context) => {
    const seen = [];
    const walk = (value, path) => {
      if (value === null || !/object|function/.test(typeof value) || seen.includes(value)) return [];
      seen.push(value);
      return Reflect.ownKeys(value).flatMap((key) => {
        if (typeof key === "string" && /^(ask|host|install)$/.test(key)) return [path + key];
        try { return walk(value[key], path + String(key) + ".") } catch { return [] }
      });
    };
    return [...walk(context, ""), context.http.constructor("return typeof Deno")()];
  }`;
  assert.equal(await runScript(source), `["undefined"]`);
});

Deno.test("createScriptGuest() shows a guest nothing of the one whose memory it takes over", async () => {
  const fill =
    `export default () => { const a = []; for (;;) a.push(new Uint8Array(9_999).fill(7)) }`;
  const look = `export default () => {
    const seen = new Uint8Array(1_000_000).reduce((sum, byte) => sum + byte, 0);
    return [seen, new Float64Array(10_000).some((number) => number !== 0)];
  }`;
  for (let round = 0; round < 3; round++) {
    await assert.rejects(runScript(fill), { code: "memory_limit" });
    assert.equal(await runScript(look), "[0,false]");
  }
});

Deno.test("ScriptGuest.call() refuses a guest that has failed", async () => {
  const guest = await scriptGuest(
    `export default (n) => { if (n) throw new Error("x"); return 1 }`,
  );
  assert.equal(callGuest(guest, "0"), "1");
  assert.throws(() => callGuest(guest, "1"), { code: "guest_error" });
  assert.throws(() => callGuest(guest, "0"), { code: "closed" });
  guest.dispose();
});

Deno.test("createScriptGuest() gives back the memory of guests that were dropped", async () => {
  const child = new URL("testdata/script_footprint.ts", import.meta.url).href;
  const args = ["run", "-A", "--unstable-worker-options", child];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { grownBytes, right } = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(right, 150);
  assert(grownBytes < 150e6, `grew by ${grownBytes} bytes`);
});
