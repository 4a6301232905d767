import assert from "node:assert/strict";
import { readableStack, splitScript } from "./script_stack.ts";

function mapOf(value: unknown): string {
  return btoa(typeof value === "string" ? value : JSON.stringify(value));
}

/** Line 2 of the bundle: column 1 is a.ts:1:1, column 9 is b.ts:11:5. */
const MAP = mapOf({ sources: ["a.ts", "b.ts"], mappings: ";AAAA,QCUI" });

Deno.test("splitScript() takes the source map off the end of a script", () => {
  const comment = "//# sourceMappingURL=data:application/json;base64,";
  assert.deepEqual(splitScript(`a\n${comment}${MAP}\n`), { code: "a", map: MAP });
  assert.deepEqual(splitScript("a\nb"), { code: "a\nb", map: undefined });
  const inside = `a\n${comment}${MAP}\nb`;
  assert.deepEqual(splitScript(inside), { code: inside, map: undefined });
});

Deno.test("readableStack() says where in its source a place of the bundle came from", () => {
  const stack = "    at f (handler.js:2:9)\n    at handler.js:2:3\n    at g (handler.js:7:1)\n";
  assert.equal(
    readableStack(stack, MAP),
    "at f (b.ts:11:5)\nat a.ts:1:1\nat g (handler.js:7:1)",
  );
});

Deno.test("readableStack() leaves a stack as it is without a map, and our own frames out", () => {
  const stack = "    at f (handler.js:2:9)\n    at call (asya:prelude:7:1)\n";
  assert.equal(readableStack(stack, undefined), "at f (handler.js:2:9)");
  assert.equal(readableStack("    at call (asya:prelude:7:1)\n", undefined), undefined);
});

Deno.test("readableStack() takes damaged maps and stacks that a guest made up", () => {
  const stack = "at f (handler.js:2:9)";
  for (const map of ["not json", {}, { sources: [], mappings: 1 }, null]) {
    assert.equal(readableStack(stack, mapOf(map)), stack);
  }
  assert.equal(readableStack(stack, "!"), stack);
  const odd = mapOf({ sources: [], mappings: ";????,AAAA,zzzzzzzzzzzz" });
  assert.match(readableStack(stack, odd)!, /^at f \(/);
  const long = "at f (handler.js:999999999:1)\n".repeat(1_000);
  assert.equal(readableStack(long, MAP)!.split("\n").length, 30);
});
