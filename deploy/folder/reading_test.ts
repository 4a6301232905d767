import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { folderName, readSource } from "./reading.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/documents", import.meta.url));

Deno.test("folderName() is a label whatever the folder is called", () => {
  const names = ["/x/My Shop_2/", "/x/-ü-", "/", `/${"long-".repeat(20)}`].map(folderName);
  assert.deepEqual(names, ["my-shop-2", "folder", "folder", `${"long-".repeat(7)}long`]);
});

Deno.test("readSource() keeps documents as they are written, and knows the tools", async () => {
  const source = await readSource(EXAMPLE);
  assert.deepEqual([source.name, source.toolNames], ["documents", ["screen_document"]]);
  assert.deepEqual(source.tools.map(({ path }) => path), ["tools.yaml"]);
  const splitter = source.objects.find(({ metadata }) => metadata.name === "splitter")!;
  assert.deepEqual(Object.keys(splitter["spec"] as object), ["transport", "timeout", "handler"]);
  assert.equal(source.read.size, 2);
  assert.deepEqual(source.notes, []);
});

Deno.test("readSource() refuses a folder without actors", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await assert.rejects(readSource(dir), { message: /no AsyncActor/, next: /examples\/hello/ });
  } finally {
    await Deno.remove(dir);
  }
});
