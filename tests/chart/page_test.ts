import assert from "node:assert/strict";
import { parse } from "yaml";
import { chartValues, UndescribedValue } from "../../tools/chart_page.ts";

const text = await Deno.readTextFile(new URL("../../chart/values.yaml", import.meta.url));
const schema = JSON.parse(
  await Deno.readTextFile(new URL("../../chart/values.schema.json", import.meta.url)),
);

/** Paths of a schema's leaves that the chart's own objects have. */
function leaves(part: { properties?: Record<string, never> }, path: string): string[] {
  return part.properties === undefined
    ? [path]
    : Object.entries(part.properties).flatMap(([name, inner]) =>
      leaves(inner, path === "" ? name : `${path}.${name}`)
    );
}

Deno.test("chartValues() describes every value that the schema allows, and no other", () => {
  const described = chartValues(text).map(({ path }) => path).sort();
  assert.deepEqual(described, leaves(schema, "").filter((path) => path !== "global").sort());
});

Deno.test("chartValues() gives the defaults of the file", () => {
  const values = parse(text);
  for (const { path, fallback } of chartValues(text)) {
    const value = path.split(".").reduce((part, name) => part[name], values);
    assert.deepEqual(parse(fallback), value, path);
  }
});

Deno.test("chartValues() refuses a value without a comment", () => {
  assert.throws(() => chartValues("a:\n  # said\n  b: 1\n  c: 2\n"), {
    name: UndescribedValue.name,
    message: /a\.c has no comment/,
  });
});
