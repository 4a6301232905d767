import assert from "node:assert/strict";
import { until } from "../project.ts";
import { bytes, running, wasmActor } from "../running.ts";

/** One guest that goes wrong in the way that its payload names. */
const ROGUE = `import { fail, input, inputText, log, output, outputText } from "asya";

function deeper(n: i32): i32 {
  return n + deeper(n + 1) * 2;
}

export function handle(): void {
  const how = inputText();
  if (how == '"throw"') throw new Error("the order cannot be priced");
  if (how == '"fail"') fail("no such order", "OrderError");
  if (how == '"trap"') unreachable();
  if (how == '"beyond"') store<u8>(0xffffffff, 1);
  if (how == '"recurse"') outputText(deeper(0).toString());
  if (how == '"spin"') while (true) {}
  if (how == '"hog"') {
    const hoard: Uint8Array[] = [];
    while (true) hoard.push(new Uint8Array(1 << 20));
  }
  if (how == '"print"') for (let i = 0; i < 10000; i++) log.info("\\u001b[2J" + how);
  if (how == '"page"') return outputText("<html>it works</html>");
  if (how == '"NaN"') return outputText('{"score":NaN}');
  if (how == '"cut"') return outputText('{"score":');
  if (how == '"not UTF-8"') {
    const odd = Uint8Array.wrap(String.UTF8.encode('"??"'));
    odd[1] = 0xff;
    odd[2] = 0xed;
    return output(odd);
  }
  if (how == '"deep"') return outputText('{"deep":' + "[".repeat(10000) + "]".repeat(10000) + "}");
  if (how == '"lone"') return outputText('{"lone":"\\\\ud800","twice":1,"twice":-0,"n":1e400}');
  if (how == '"two"') return outputText("1 2");
  output(input());
}
`;

/** The code and what a person must find in the message. */
const WRONG: Readonly<Record<string, [code: string, message: RegExp]>> = {
  throw: ["processing_error", /^the order cannot be priced \(rogue\.ts:9:25\)$/],
  fail: ["processing_error", /^no such order$/],
  trap: ["processing_error", /unreachable/],
  beyond: ["processing_error", /out of bounds/],
  recurse: ["processing_error", /stack is exhausted/],
  spin: ["timeout_error", /interrupted after 300 ms/],
  hog: ["oom_error", /the guest holds \d+ of 8388608 bytes/],
  page: ["processing_error", /JSON/],
  NaN: ["processing_error", /NaN/],
  cut: ["processing_error", /JSON/],
  two: ["processing_error", /JSON/],
};

const FILES = {
  "actors.yaml": wasmActor("rogue", "assembly/rogue.ts", "memory: 8Mi, timeout: 300ms"),
  "assembly/rogue.ts": ROGUE,
};

function envelope(id: string, payload: string) {
  return bytes(JSON.stringify({ id, route: { actors: ["rogue"] }, payload }));
}

Deno.test("startLocal() sends what a WASM handler fails at to error-end, and the others pass", () =>
  running(FILES, async ({ put, failed, result, stillGood }) => {
    for (const how of Object.keys(WRONG)) {
      await put("rogue", envelope(how, how), envelope(`after-${how}`, "fine"));
    }
    for (const [how, [code, message]] of Object.entries(WRONG)) {
      const { error, details, original } = await failed(how);
      assert.equal(error, code, how);
      assert.match(details["message"]!, message);
      assert.deepEqual(original, bytes(JSON.stringify(how)));
      assert.deepEqual((await result(`after-${how}`)).payload, bytes('"fine"'));
    }
    assert.equal((await failed("fail")).details["type"], "OrderError");
    await stillGood("rogue");
  }));

Deno.test("startLocal() lets nothing that a WASM handler logs reach its answer", () =>
  running(FILES, async ({ put, result, stillGood }) => {
    await put("rogue", envelope("print", "print"));
    assert.deepEqual((await result("print")).payload, bytes('"print"'));
    await stillGood("rogue");
  }));

Deno.test("startLocal() ends an envelope at the gateway whatever its result is made of", () =>
  running(FILES, async ({ local, result, stillGood }) => {
    for (const how of ["lone", "deep", "not UTF-8"]) {
      const id = await local.send(["rogue"], JSON.stringify(how));
      await result(id);
      const url = `${local.url}/envelopes/${id}`;
      const ended = async () => (await (await fetch(url)).json()).status === "succeeded";
      await until(`the gateway knows of the end of ${how}`, ended, 8_000);
    }
    assert.deepEqual(await local.deadLetters("happy-end").list(1), []);
    await stillGood("rogue");
  }));
