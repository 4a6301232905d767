import assert from "node:assert/strict";
import { parseDocument } from "yaml";
import { printJson } from "./json_value.ts";
import { yamlValue } from "./yaml_value.ts";

function fromYaml(text: string) {
  const document = parseDocument(text);
  return yamlValue(document.contents, document);
}

Deno.test("yamlValue() reads numbers as they are written, and aliases", () => {
  assert.equal(
    printJson(fromYaml("a: &one [1.50, 1e400, 0x1f, .5, .inf]\nb: *one\nc: '1'\nd: ~")),
    '{"a":[1.50,1e400,31,0.5,null],"b":[1.50,1e400,31,0.5,null],"c":"1","d":null}',
  );
});

Deno.test("yamlValue() gives up on aliases that lead back to themselves", () => {
  assert.throws(() => fromYaml("a: &a [*a]"), RangeError);
});
