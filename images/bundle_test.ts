import assert from "node:assert/strict";
import { BundleError, mendBundle } from "./bundle.ts";

const worker = 'new URL("./worker.ts",import.meta.url)';

Deno.test("mendBundle() points the worker's source at its bundle, from any depth", () => {
  assert.equal(
    mendBundle("chunk.js", `a(${worker});`),
    'a(new URL("./plugins/host/worker.js",import.meta.url));',
  );
  assert.equal(
    mendBundle("sidecar/main.js", worker),
    'new URL("../plugins/host/worker.js",import.meta.url)',
  );
});

Deno.test("mendBundle() refuses a reference to a file that no image has", () => {
  assert.throws(
    () => mendBundle("chunk.js", 'new URL("./page.html",import.meta.url)'),
    (error: unknown) =>
      error instanceof BundleError && /page\.html.*bundle\.ts/.test(error.message),
  );
});

Deno.test("mendBundle() lets references of the authoring of plugins be", () => {
  const script = 'new URL("../templates",import.meta.url)';
  assert.equal(mendBundle("chunk.js", script), script);
});

Deno.test("mendBundle() gives a script the require that its packages ask for", () => {
  const script = `throw Error('Dynamic require of "'+a+'" is not supported')`;
  assert.match(mendBundle("chunk.js", script), /^import\{createRequire\}.*const require=/);
  assert.equal(mendBundle("chunk.js", "1"), "1");
});
