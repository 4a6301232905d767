import assert from "node:assert/strict";
import { Environment, OFFERED } from "./environment.ts";
import { compileKernel, Kernel } from "./kernel/kernel.ts";
import { prepare } from "./prepare.ts";
import { assemble, guestModule } from "./testdata/assemble.ts";
import { LIMITS } from "./testdata/with_plugin.ts";
import { checkModule, moduleProblems } from "./validate.ts";

Deno.test("OFFERED names exactly what the environment has", () => {
  const kernel = new Kernel(compileKernel(), 1_000_000, assert.fail);
  const functions = new Environment(kernel, {}, LIMITS).functions();
  const names = (of: Record<string, object>) =>
    Object.entries(of).map(([namespace, entries]) => [
      namespace,
      (Array.isArray(entries) ? entries : Object.keys(entries)).toSorted(),
    ]);
  assert.deepEqual(names(functions), names(OFFERED));
});

Deno.test("moduleProblems() finds nothing wrong with a module that uses what there is", () => {
  assert.deepEqual(moduleProblems(prepare(guestModule(), 64), "echo"), []);
});

Deno.test("moduleProblems() lists everything at once", () => {
  const module = assemble(`(module
    (import "env" "launch" (func))
    (import "extism:host/env" "launch" (func))
    (import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi:cli/stdout@0.2.0" "get-stdout" (func (result i32)))
    (import "env" "counter" (global i32))
    (memory i64 1)
    (tag (param i32))
    (func (export "run")))`);
  assert.deepEqual(moduleProblems(prepare(module, 64), "handle"), [
    "it declares a shared or 64-bit memory, which is not allowed",
    "it uses exception handling, which is not allowed",
    "it imports env.launch, which this host does not offer",
    "it imports extism:host/env.launch, which this host does not offer",
    "it imports wasi_unstable.fd_write: another WASI than preview 1 (wasi_snapshot_preview1), " +
    "which is the one that this host offers",
    "it imports wasi:cli/stdout@0.2.0.get-stdout: another WASI than preview 1 " +
    "(wasi_snapshot_preview1), which is the one that this host offers",
    "it imports the global env.counter; only functions may be imported",
    'it does not export the function "handle"; it exports: run',
  ]);
  assert.throws(() => checkModule(prepare(module, 64), "handle"), {
    code: "invalid_module",
    message: /^the module cannot be used:\n- it declares .*\n- it uses /,
  });
});

Deno.test("checkModule() cuts a list that is too long", () => {
  const imports = Array.from({ length: 50 }, (_, n) => `(import "env" "f${n}" (func))`).join("");
  const prepared = prepare(assemble(`(module ${imports} (func (export "handle")))`), 64);
  assert.throws(() => checkModule(prepared, "handle"), { message: /env\.f19.*\n- and 30 more$/ });
});
