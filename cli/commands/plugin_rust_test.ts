/**
 * Apart from the other languages: a first build of Rust takes minutes of a core. What it compiles
 * beside the handler stays in the tests' cache, so only the first run on a machine pays for it.
 */

import assert from "node:assert/strict";
import { authoring } from "@asya/plugins";
import { capture } from "../testing/capture.ts";

const { findRust, ToolchainMissing } = await authoring();

async function missing(): Promise<string | undefined> {
  try {
    await findRust(".");
    return undefined;
  } catch (error) {
    if (error instanceof ToolchainMissing) return error.tool;
    throw error;
  }
}

const tool = await missing();

async function removed(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** A folder of the cache, always the same because cargo builds anew what has moved; one user at a time. */
async function withCache(use: (dir: string) => Promise<void>): Promise<void> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/root"}/.cache`;
  const dir = `${cache}/asya-tests/rust`;
  await Deno.mkdir(`${dir}/target`, { recursive: true });
  using lock = await Deno.open(`${dir}/lock`, { create: true, write: true });
  await lock.lock(true);
  await use(dir);
}

Deno.test({
  name: "plugin new, build and test work for rust" +
    (tool === undefined ? "" : ` (here without ${tool})`),
  ignore: tool !== undefined,
  fn: () =>
    withCache(async (parent) => {
      const dir = `${parent}/summary`;
      await removed(dir);
      await capture(["plugin", "new", "summary", "--lang", "rust", "--dir", parent]);
      await Deno.symlink(`${parent}/target`, `${dir}/target`);
      const tested = await capture(["plugin", "test", dir]);
      assert.equal(tested.code, 0, tested.out + tested.note);
      assert.equal(tested.note, "3 passed\n", "no warnings");
      assert.ok((await Deno.stat(`${dir}/build/summary.wasm`)).size < 200_000);
    }),
});
