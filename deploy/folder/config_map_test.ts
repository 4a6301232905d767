import assert from "node:assert/strict";
import { configMapOf, keysOf, tooLarge } from "./config_map.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("keysOf() gives every path a key of its own that Kubernetes takes", () => {
  const paths = ["lib/__init__.py", "lib.__init__.py", "a b.txt", "a-b.txt", "..odd", "ä.txt"];
  const keys = keysOf(paths);
  assert.equal(keys.get("lib/__init__.py"), "lib.__init__.py-2");
  assert.equal(new Set(keys.values()).size, paths.length);
  for (const key of keys.values()) assert.match(key, /^(?!\.\.)[-._a-zA-Z0-9]{1,253}$/);
  assert.deepEqual(keysOf(paths.toReversed()), keys, "the order of the files does not matter");
});

Deno.test("configMapOf() keeps text as text and bytes as bytes", () => {
  const files = new Map([["b.txt", bytes("\ufeffä\n")], ["a.bin", Uint8Array.of(0xff, 0)]]);
  assert.deepEqual(configMapOf("x", "ns", files), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "x", namespace: "ns" },
    data: { "b.txt": "\ufeffä\n" },
    binaryData: { "a.bin": "/wA=" },
  });
});

Deno.test("tooLarge() names the largest files of those that do not fit together", () => {
  const sizes = (last: number) => new Map([["a", 300_000], ["b", 500_000], ["c", 2], ["d", last]]);
  assert.equal(tooLarge(sizes(99_000)), undefined);
  assert.match(
    tooLarge(sizes(200_000))!,
    /^1,001 kB, .* 900 kB \(largest: b 500 kB, a .*, d .*\)$/,
  );
});
