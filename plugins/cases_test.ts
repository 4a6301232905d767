import assert from "node:assert/strict";
import { readCases } from "./cases.ts";
import { printJson } from "./json_value.ts";

async function withCases(
  files: Record<string, string>,
  use: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "asya-cases-" });
  try {
    await Deno.mkdir(`${dir}/cases`);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${dir}/cases/${name}`, text);
    }
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("readCases() reads every kind of expectation, from YAML and JSON", () =>
  withCases({
    "b-one.yaml": "input: {n: 1.50}\noutput: ~\nexact: true\nattempt: 3",
    "a-many.json": '{"input": null, "outputs": [1, [2]], "config": {"min": 2}}',
    "c-none.yml": "input: x\nnothing: true",
    "d-error.yaml": "input: []\nerror: {type: ValueError}",
    "notes.txt": "no case",
  }, async (dir) => {
    const cases = await readCases(dir);
    const settings = cases.map((
      { name, config, attempt, exact },
    ) => [name, config, attempt, exact]);
    assert.deepEqual(settings, [
      ["a-many", { min: 2 }, 1, false],
      ["b-one", {}, 3, true],
      ["c-none", {}, 1, false],
      ["d-error", {}, 1, false],
    ]);
    const inputs = cases.map(({ input }) => printJson(input));
    assert.deepEqual(inputs, ["null", '{"n":1.50}', '"x"', "[]"]);
    const expected = cases.map(({ expected }) =>
      "error" in expected ? expected.error : expected.outputs.map(printJson)
    );
    assert.deepEqual(expected, [["1", "[2]"], ["null"], [], { type: "ValueError" }]);
  }));

Deno.test("readCases() of a folder without cases finds none", async () => {
  assert.deepEqual(await readCases("/nowhere/at/all"), []);
});

const WRONG: readonly (readonly [string, RegExp])[] = [
  ["input: 1", /a\.yaml:1:1: exactly one of output, outputs, nothing, error is needed$/],
  ["output: 1\ninput: 2\nnothing: true", /:1:1: exactly one of /],
  ["output: 1", /:1:1: .*input/],
  ["input: 1\noutput: 1\nattempt: 0", /a\.yaml:3:10: attempt: /],
  ["input: 1\noutput: 1\noutputt: 2", /a\.yaml:3:10: outputt: is not known here/],
  ["input: 1\nerror: {kind: x}", /a\.yaml:2:15: error\.kind: is not known here/],
  ["input: [1\noutput: 1", /a\.yaml:2:1: /],
  ["input: *nothing\noutput: 1", /a\.yaml: Unresolved alias .*nothing/],
  ["input: &a [*a]\noutput: 1", /a\.yaml: /],
];

for (const [text, message] of WRONG) {
  Deno.test(`readCases() refuses ${JSON.stringify(text)}`, () =>
    withCases({ "a.yaml": text }, async (dir) => {
      await assert.rejects(readCases(dir), { code: "invalid_file", message });
    }));
}
