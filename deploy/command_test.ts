import assert from "node:assert/strict";
import { readInput, UsageError } from "./command.ts";

const OPTIONS = {
  tag: { value: "TAG", help: "" },
  set: { value: "KEY=VALUE", many: true, help: "" },
  yes: { help: "" },
} as const;

Deno.test("readInput() reads options with, without and with several values", () => {
  const input = readInput(OPTIONS, ["--tag", "1", "--set", "a=1", "--set=b=2", "--yes"]);
  assert.equal(input.text("tag"), "1");
  assert.deepEqual(input.texts("set"), ["a=1", "b=2"]);
  assert.equal(input.has("yes"), true);
  assert.equal(readInput(OPTIONS, []).has("yes"), false);
});

const WRONG: readonly (readonly [readonly string[], RegExp])[] = [
  [["--tga", "1"], /no option --tga; did you mean --tag/],
  [["--tag"], /--tag needs a value: --tag TAG/],
  [["--tag", "1", "--tag", "2"], /--tag is given 2 times/],
  [["--yes=no"], /--yes takes no value/],
];
for (const [args, message] of WRONG) {
  Deno.test(`readInput() refuses ${args.join(" ")}`, () => {
    assert.throws(
      () => readInput(OPTIONS, args),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
    );
  });
}
