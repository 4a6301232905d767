import assert from "node:assert/strict";
import { handlerFile, interpreterOf } from "./interpreter.ts";

Deno.test("interpreterOf() tells the language by the form of the name, Node by the executable", () => {
  const cases: [string, string, string][] = [
    ["app.process", "python3", "python"],
    ["shout.ts", "python3", "python"], // the function `ts` of the module `shout`
    ["app.process", "node", "python"],
    ["./shout.ts:process", "python3", "deno"],
    ["./shout.mjs", "deno", "deno"],
    ["shout.mjs:Shout.loud", "node", "node"],
    ["/app/shout.cjs#loud", "/usr/local/bin/node", "node"],
  ];
  for (const [handler, executable, expected] of cases) {
    assert.equal(interpreterOf(handler, executable), expected, handler);
  }
});

Deno.test("handlerFile() takes the export off a handler's name", () => {
  assert.equal(handlerFile("./src/shout.ts:Shout.loud"), "./src/shout.ts");
  assert.equal(handlerFile("/app/shout.mjs#default"), "/app/shout.mjs");
  assert.equal(handlerFile("./shout.mjs"), "./shout.mjs");
  assert.equal(handlerFile("./shout:process"), "./shout");
});
