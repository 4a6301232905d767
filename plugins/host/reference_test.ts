/** The guest ABI is implemented here directly; Extism's own host says what it has to be. */

import assert from "node:assert/strict";
import createPlugin from "@extism/extism";
import { guestModule } from "./testdata/assemble.ts";
import { ask, withPlugin } from "./testdata/with_plugin.ts";

const CONFIG = { greeting: "hej", empty: "" };

async function reference(functionName: string, inputs: readonly string[]): Promise<string[]> {
  const plugin = await createPlugin({ wasm: [{ data: guestModule() }] }, {
    useWasi: true,
    config: CONFIG,
  });
  const outputs: string[] = [];
  for (const input of inputs) {
    try {
      outputs.push((await plugin.call(functionName, input))?.text() ?? "");
    } catch (error) {
      outputs.push(`error: ${(error as Error).message.replace("Plugin-originated error: ", "")}`);
    }
  }
  await plugin.close();
  return outputs;
}

const CALLS: Readonly<Record<string, readonly string[]>> = {
  echo: ['{"a":1}', "", "x".repeat(100_000), "é \u{1f600}"],
  pass: ["abc", "x".repeat(70_000)],
  nothing: ["x"],
  config: ["greeting"],
  remember: ["first", "second", "third"],
  print: ["x"],
  fail: ["x", "y"],
};

for (const [name, inputs] of Object.entries(CALLS)) {
  Deno.test(`WasmGuest does as the reference host does: ${name}`, async () => {
    const expected = await reference(name, inputs);
    await withPlugin(name, async (plugin) => {
      for (const [n, input] of inputs.entries()) {
        const got = await ask(plugin, input).catch((error) => `error: ${error.message}`);
        assert.equal(got, expected[n], input.slice(0, 20));
      }
    }, { config: CONFIG });
  });
}
