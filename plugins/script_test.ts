import assert from "node:assert/strict";
import { scriptOf, wrapScript } from "./script.ts";

Deno.test("wrapScript() makes a module that WebAssembly compiles and scriptOf() reads back", async () => {
  for (
    const source of ["", "x", "grüße 検査 🎉\0\n", "\ufeffexport default 1", "y".repeat(70_000)]
  ) {
    const module = wrapScript(source);
    const compiled = await WebAssembly.compile(module);
    assert.deepEqual(WebAssembly.Module.exports(compiled), []);
    assert.equal(WebAssembly.Module.customSections(compiled, "asya:script").length, 1);
    assert.equal(scriptOf(module), source);
  }
});

Deno.test("wrapScript() adds less than 32 bytes", () => {
  assert(wrapScript("x".repeat(1_000)).length < 1_032);
});

Deno.test("scriptOf() finds no script in other modules, nor in what is no module", () => {
  const empty = wrapScript("").slice(0, 8);
  assert.equal(scriptOf(empty), undefined);
  const other = wrapScript("x");
  other[11] = 0x41; // another name
  assert.equal(scriptOf(other), undefined);
  assert.equal(scriptOf(new Uint8Array()), undefined);
  assert.equal(scriptOf(new TextEncoder().encode("export default 1")), undefined);
});

Deno.test("scriptOf() finds a script behind other sections", () => {
  const [first, second] = [wrapScript("x"), wrapScript("the second")];
  first[11] = 0x41;
  const both = new Uint8Array([...first, ...second.subarray(8)]);
  assert.equal(scriptOf(both), "the second");
});

Deno.test("scriptOf() refuses a module that is cut off anywhere behind its head", () => {
  const module = wrapScript("source");
  for (let length = 9; length < module.length; length++) {
    assert.throws(() => scriptOf(module.slice(0, length)), { code: "invalid_module" });
  }
});

Deno.test("scriptOf() refuses another version, text that is not UTF-8, and endless numbers", () => {
  const newer = wrapScript("source");
  newer[22] = 2;
  assert.throws(() => scriptOf(newer), { code: "invalid_module", message: /has version 2;/ });
  const latin = wrapScript("source");
  latin[25] = 0xff;
  assert.throws(() => scriptOf(latin), { code: "invalid_module", message: /not UTF-8/ });
  const endless = wrapScript("source").fill(0xff, 9, 20);
  assert.throws(() => scriptOf(endless), { code: "invalid_module", message: /too long/ });
});
