import assert from "node:assert/strict";
import { parseOciReference } from "./reference.ts";

const HEX = "0123456789abcdef".repeat(4);

Deno.test("parseOciReference() knows registries with ports, tags and digests", () => {
  const cases: Record<string, unknown> = {
    "registry.example/plugin": {
      registry: "registry.example",
      repository: "plugin",
      tag: "latest",
    },
    "Localhost:5000/a/b.c/d__e-f:v1.0_2": {
      registry: "localhost:5000",
      repository: "a/b.c/d__e-f",
      tag: "v1.0_2",
    },
    [`[::1]:5000/a@sha256:${HEX}`]: { registry: "[::1]:5000", repository: "a", digest: HEX },
    [`h/a:1@sha256:${HEX}`]: { registry: "h", repository: "a", tag: "1", digest: HEX },
  };
  for (const [text, expected] of Object.entries(cases)) {
    assert.deepEqual(parseOciReference(`oci://${text}`), expected);
  }
});

Deno.test("parseOciReference() refuses everything else", () => {
  const wrong = [
    "",
    "h",
    "h/",
    "/a",
    "h/A",
    "h/a//b",
    "h/../a",
    "h/a:",
    "h/a:-x",
    `h/a:${"x".repeat(129)}`,
    "h/a@sha256:12",
    `h/a@sha512:${HEX}${HEX}`,
    `h/a@sha256:${HEX.toUpperCase()}`,
    "h/a?b",
    "h/a b",
    "h/a#b",
    "u@h/a",
    "h/a:b/c",
    `h/${"a/".repeat(600)}a`,
    `h/${"a-".repeat(500)}`,
  ];
  for (const text of wrong) {
    assert.throws(() => parseOciReference(`oci://${text}`), { code: "bad_reference" }, text);
  }
});
