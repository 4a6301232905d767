import assert from "node:assert/strict";
import { FolderSync } from "./folder_sync.ts";

Deno.test("FolderSync.sync() serves all who wait with one sync, and late ones with the next", async () => {
  const dir = await Deno.makeTempDir();
  const folder = new FolderSync(dir);
  const first = folder.sync();
  assert.equal(folder.sync(), first, "both began before any sync ran");
  await first;
  assert.notEqual(folder.sync(), first, "a name made now needs a sync of its own");
  await folder.sync();
  await Deno.remove(dir);
});

Deno.test("FolderSync.sync() fails for those who waited, not for those who come later", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/results`;
  const folder = new FolderSync(path);
  await assert.rejects(folder.sync(), Deno.errors.NotFound);
  await Deno.mkdir(path);
  await folder.sync();
  await Deno.remove(dir, { recursive: true });
});
