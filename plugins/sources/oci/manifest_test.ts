import assert from "node:assert/strict";
import { choose } from "./manifest.ts";

const HEX = "0123456789abcdef".repeat(4);
const entry = (more: Record<string, unknown>, at = 0) => ({
  digest: `sha256:${at}${HEX.slice(1)}`,
  size: 10 + at,
  ...more,
});
const pick = (document: unknown) =>
  choose(new TextEncoder().encode(JSON.stringify(document)), "registry/repo");

Deno.test("choose() takes a manifest's layer of each type that is a module", () => {
  const types = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
  ];
  for (const mediaType of types) {
    const layers = [entry({ mediaType: "text/markdown" }), entry({ mediaType }, 1)];
    const descriptor = { digest: `1${HEX.slice(1)}`, size: 11 };
    assert.deepEqual(pick({ layers }), { kind: "module", descriptor });
  }
});

Deno.test("choose() takes an index's entry for WASM, or its only one", () => {
  const linux = entry({ platform: { os: "linux", architecture: "amd64" } });
  const marks = [
    { platform: { os: "wasi", architecture: "wasm" } },
    { platform: { os: "wasip1", architecture: "wasm" } },
    { artifactType: "application/vnd.wasm.config.v0+json" },
  ];
  const descriptor = { digest: `1${HEX.slice(1)}`, size: 11 };
  for (const mark of marks) {
    const manifests = [linux, entry({ platform: { os: "wasip2", architecture: "wasm" } }, 2)];
    assert.deepEqual(pick({ manifests: [...manifests, entry(mark, 1)] }), {
      kind: "manifest",
      descriptor,
    });
  }
  assert.deepEqual(pick({ manifests: [entry({}, 1)] }), { kind: "manifest", descriptor });
});

Deno.test("choose() says what there is where nothing fits, and how to make what does", () => {
  const tar = "application/vnd.oci.image.layer.v1.tar+gzip";
  const refused: [unknown, RegExp][] = [
    [
      { layers: [entry({ mediaType: tar }), entry({})] },
      /layers are: "app.*gzip", "undefined".*oras/,
    ],
    [{ layers: [] }, /layers are: none/],
    [{ layers: [1, 2].map((at) => entry({ mediaType: "application/wasm" }, at)) }, /one layer/],
    [{ manifests: [] }, /it has: none/],
    [{
      manifests: [
        entry({ platform: { os: "linux", architecture: "amd64" } }),
        entry({ artifactType: "text/x" }),
      ],
    }, /it has: "linux\/amd64", "text\/x"$/],
  ];
  for (const [document, message] of refused) {
    assert.throws(() => pick(document), { code: "not_wasm", message });
  }
});

Deno.test("choose() believes nothing that is not of the right shape", () => {
  const mediaType = "application/wasm";
  const layers = [entry({ mediaType })];
  const wrong: unknown[] = [null, [], 1, "x", {}, { layers: {} }, { layers, manifests: layers }];
  for (const part of [{ digest: "sha512:ab" }, { digest: 1 }, { size: -1 }, { size: 1.5 }]) {
    wrong.push({ layers: [entry({ mediaType, ...part })] });
  }
  wrong.push({ layers: [entry({ mediaType, size: "10" })] });
  wrong.push({ layers: [null] }, { manifests: [7] });
  for (const document of wrong) {
    assert.throws(() => pick(document), { name: "SourceError", code: "not_wasm" });
  }
  assert.throws(() => choose(new Uint8Array([0x7b]), "x"), { code: "not_wasm", message: /JSON/ });
});
