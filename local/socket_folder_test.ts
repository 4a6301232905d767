import assert from "node:assert/strict";
import { makeSocketRoot, socketFolder, socketRoot } from "./socket_folder.ts";
import { makeProject } from "./testing/project.ts";

Deno.test("socketFolder() fits into a socket's path however long the actor's name is", () => {
  const root = socketRoot("/home/me/project", { XDG_RUNTIME_DIR: "/run/user/1000000" });
  const names = ["a", "b".repeat(63), `${"b".repeat(62)}c`];
  const folders = names.map((name) => socketFolder(root, name));
  assert.equal(new Set(folders).size, 3);
  for (const folder of folders) assert.ok(`${folder}/asya-runtime.sock`.length < 104, folder);
  assert.notEqual(root, socketRoot("/home/me/other", { XDG_RUNTIME_DIR: "/run/user/1000000" }));
});

Deno.test("makeSocketRoot() makes a folder for this user alone, and refuses one that others can use", async () => {
  await using project = await makeProject({});
  const parent = project.dir;
  const root = socketRoot("/p", { XDG_RUNTIME_DIR: parent });
  await makeSocketRoot(root);
  await makeSocketRoot(root);
  assert.equal((await Deno.stat(root)).mode! & 0o777, 0o700);
  await Deno.chmod(root, 0o777);
  await assert.rejects(makeSocketRoot(root), { code: "unsafe_folder" });
});
