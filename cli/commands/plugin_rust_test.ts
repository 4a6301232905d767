/** Apart from the other languages: a first build of Rust takes a minute or two of a core. */

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

Deno.test({
  name: "plugin new, build and test work for rust" +
    (tool === undefined ? "" : ` (here without ${tool})`),
  ignore: tool !== undefined,
  async fn() {
    const parent = await Deno.makeTempDir({ prefix: "asya-plugin-" });
    const dir = `${parent}/summary`;
    try {
      await capture(["plugin", "new", "summary", "--lang", "rust", "--dir", parent]);
      const tested = await capture(["plugin", "test", dir]);
      assert.equal(tested.code, 0, tested.out + tested.note);
      assert.equal(tested.note, "3 passed\n", "no warnings");
      assert.ok((await Deno.stat(`${dir}/build/summary.wasm`)).size < 200_000);
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  },
});
