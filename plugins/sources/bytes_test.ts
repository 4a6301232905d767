import assert from "node:assert/strict";
import { constants, deflateRawSync } from "node:zlib";
import { readAll, unpack } from "./bytes.ts";
import { gzip, moduleOf } from "./testdata/stage.ts";

Deno.test("unpack() gives a module as it is, or out of gzip whatever the file's name", async () => {
  const module = moduleOf("a", 10_000);
  assert.deepEqual(await unpack(module, module.length, "here"), module);
  assert.deepEqual(await unpack(await gzip(module), module.length, "here"), module);
});

/** A gzip file that grows `mebibytes` times a MiB, made of one block repeated. */
function bomb(mebibytes: number): Uint8Array<ArrayBuffer> {
  const finishFlush = constants.Z_FULL_FLUSH;
  const block = deflateRawSync(new Uint8Array(2 ** 20), { finishFlush });
  const head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
  const file = new Uint8Array(head.length + mebibytes * block.length);
  file.set(head);
  for (let at = 0; at < mebibytes; at++) file.set(block, head.length + at * block.length);
  return file;
}

Deno.test("unpack() stops a gzip bomb at its limit, before memory fills", async () => {
  const file = bomb(4_096); // 4 GiB in 4 MiB
  const before = Deno.memoryUsage().rss;
  await assert.rejects(unpack(file, 2 ** 20, "bomb.gz"), {
    code: "too_large",
    message: "bomb.gz: it has more than the 1048576 bytes allowed",
  });
  assert.ok(Deno.memoryUsage().rss - before < 64 * 2 ** 20);
});

Deno.test("unpack() refuses gzip that is cut or damaged", async () => {
  const file = await gzip(moduleOf("a", 10_000));
  const damaged = file.slice();
  damaged[damaged.length - 5]! ^= 1;
  for (const wrong of [file.slice(0, -20), damaged, file.slice(0, 2)]) {
    await assert.rejects(unpack(wrong, 2 ** 20, "x.gz"), {
      code: "not_wasm",
      message: /cannot be decomp/,
    });
  }
});

Deno.test("unpack() refuses what does not begin like a core module", async () => {
  const page = new TextEncoder().encode("<html>please log in</html>");
  await assert.rejects(unpack(page, 1_000, "here"), { code: "not_wasm", message: /not a WebAss/ });
  await assert.rejects(unpack(new Uint8Array(), 1_000, "here"), { code: "not_wasm" });
  const component = moduleOf("a");
  component[6] = 1;
  await assert.rejects(unpack(component, 1_000, "here"), {
    code: "not_wasm",
    message: /component/,
  });
});

Deno.test("readAll() cancels a stream that never ends, at its limit", async () => {
  let pulled = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => (pulled++, controller.enqueue(new Uint8Array(1_000))),
    cancel: () => void (cancelled = true),
  });
  await assert.rejects(readAll(endless, 10_000, "here"), { code: "too_large" });
  assert.ok(cancelled);
  assert.ok(pulled <= 13, `${pulled} chunks`);
});

Deno.test("readAll() reads up to the limit, and no body as no bytes", async () => {
  const bytes = new Uint8Array(70_000).map((_, at) => at);
  assert.deepEqual(await readAll(new Blob([bytes]).stream(), 70_000, "here"), bytes);
  assert.equal((await readAll(null, 0, "here")).length, 0);
});
