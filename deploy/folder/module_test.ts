import assert from "node:assert/strict";
import { readModule } from "./module.ts";

Deno.test("readModule() packs the same module the same way, packed before or not", async () => {
  const dir = await Deno.makeTempDir({ prefix: "asya-module-" });
  try {
    const wasm = `${dir}/a.wasm`;
    await Deno.writeFile(wasm, new Uint8Array(50_000));
    const one = await readModule("a", wasm, dir);
    await Deno.writeFile(`${dir}/a.wasm.gz`, one.packed);
    assert.deepEqual(await readModule("a", `${dir}/a.wasm.gz`, dir), one);
    assert.ok(one.packed.length < 1_000);
    assert.match(one.sha256, /^[0-9a-f]{64}$/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("readModule() says where a module goes that is missing or too large", async () => {
  const dir = await Deno.makeTempDir({ prefix: "asya-module-" });
  try {
    await assert.rejects(readModule("a", `${dir}/no.wasm`, dir), { message: /no\.wasm, is not/ });
    const noise = new Uint8Array(960_000);
    for (let at = 0; at < noise.length; at += 60_000) {
      crypto.getRandomValues(noise.subarray(at, at + 60_000));
    }
    await Deno.writeFile(`${dir}/big.wasm`, noise);
    await assert.rejects(readModule("a", `${dir}/big.wasm`, dir), {
      message: /has 961 kB by gzip/,
      next: /module\.image .* module\.url/,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
