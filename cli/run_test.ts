import assert from "node:assert/strict";
import { COMMANDS } from "./main.ts";
import { capture } from "./testing/capture.ts";

Deno.test("run() shows examples before commands and options", async () => {
  const { code, out } = await capture(["--help"]);
  assert.equal(code, 0);
  assert.ok(out.indexOf("Examples") < out.indexOf("Commands"));
  for (const { name } of COMMANDS) {
    const help = await capture([name, "--help"]);
    assert.equal(help.code, 0);
    const order = ["Examples", "Usage", "Options"].map((word) => help.out.indexOf(word));
    assert.deepEqual(order, order.toSorted((a, b) => a - b), help.out);
    assert.ok(order[0]! > 0);
  }
});

Deno.test("run() without a command shows help and fails", async () => {
  const { code, out } = await capture([]);
  assert.deepEqual([code, out.includes("Examples")], [2, true]);
});

const WRONG: readonly [line: string, note: RegExp][] = [
  ["dvelop", /there is no command dvelop\nnext: asya --help/],
  ["cal x", /there is no command cal; did you mean call\?/],
  ["dev", /give one folder\nusage: asya dev DIR/],
  ["dev a b", /give one folder/],
  ["dev . --prot 1", /there is no option --prot; did you mean --port\?/],
  ["dev . --port", /--port needs a value/],
  ["dev . --port 99999", /--port 99999 is no port/],
  ["call --json=1 x", /--json takes no value/],
  ["call", /name a tool/],
  ["trace", /give one envelope id/],
  ["send", /give a route and a payload/],
];
for (const [line, note] of WRONG) {
  Deno.test(`run() answers wrong usage with code 2 and what is right: ${line}`, async () => {
    const result = await capture(line.split(" "));
    assert.equal(result.code, 2);
    assert.match(result.note, note);
    assert.equal(result.out, "");
  });
}
