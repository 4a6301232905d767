import assert from "node:assert/strict";
import { importsOf, roomProblems } from "./rooms.ts";

Deno.test("importsOf() finds imports, re-exports, dynamic and many-line ones, but no comments", () => {
  const source = `
    import a from "a";
    import {
      b,
    } from "./b.ts";
    export { c } from "../c.ts";
    // import d from "d";
    const e = await import("e");
  `;
  assert.deepEqual(importsOf(source), ["a", "./b.ts", "../c.ts", "e"]);
});

Deno.test("roomProblems() accepts what points down or stays inside", () => {
  const source =
    `import { parse } from "@asya/envelope"; import x from "./x.ts"; import y from "../y.ts";`;
  assert.deepEqual(roomProblems("sidecar/handlers/a.ts", source), []);
});

for (
  const [what, file, specifier, problem] of [
    ["an import that points up", "envelope/a.ts", "@asya/sidecar", /must not import sidecar/],
    ["a neighbour", "gateway/a.ts", "@asya/sidecar", /gateway must not import sidecar/],
    ["a path out of the room", "sidecar/a.ts", "../envelope/parse.ts", /leads out of the room/],
    ["a door beside mod.ts", "sidecar/a.ts", "@asya/envelope/parse.ts", /beside its mod.ts/],
    ["its own alias", "sidecar/a.ts", "@asya/sidecar", /its own room/],
  ] as const
) {
  Deno.test(`roomProblems() refuses ${what}`, () => {
    const problems = roomProblems(file, `import { x } from "${specifier}";`);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, problem);
  });
}
