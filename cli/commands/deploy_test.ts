import assert from "node:assert/strict";
import { capture } from "../testing/capture.ts";

Deno.test("deploy says what is wrong with a command line or a folder, before it asks a cluster", async () => {
  for (const args of [["deploy"], ["deploy", "a", "b"], ["deploy", "a", "--wait", "soon"]]) {
    const { code, note } = await capture(args);
    assert.equal(code, 2, note);
  }
  const empty = await Deno.makeTempDir();
  try {
    const { code, note } = await capture(["deploy", empty]);
    assert.equal(code, 1);
    assert.match(note, /holds no AsyncActor\nnext: write one, or start with examples\/hello/);
    const missing = await capture(["undeploy", `${empty}/no`]);
    assert.equal(missing.code, 1);
    assert.match(missing.note, /is no folder/);
  } finally {
    await Deno.remove(empty);
  }
});
