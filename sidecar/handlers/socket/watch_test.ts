import assert from "node:assert/strict";
import { join } from "node:path";
import { untilFound } from "./watch.ts";

async function withDir(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("untilFound() looks again as soon as a named file changes", () =>
  withDir(async (dir) => {
    let looks = 0;
    const found = await untilFound(
      dir,
      ["it"],
      () => {
        if (++looks === 1) Deno.writeTextFileSync(join(dir, "it"), "now");
        return Promise.resolve(looks === 2 ? "found" : undefined);
      },
      AbortSignal.timeout(10_000),
      60_000,
    );
    assert.equal(found, "found");
  }));

Deno.test("untilFound() is not woken by other files, nor by its own reading", () =>
  withDir(async (dir) => {
    await Deno.writeTextFile(join(dir, "it"), "x");
    let looks = 0;
    const look = async () => {
      await Deno.readTextFile(join(dir, "it"));
      await Deno.writeTextFile(join(dir, "other"), "y");
      looks++;
      return undefined;
    };
    await assert.rejects(untilFound(dir, ["it"], look, AbortSignal.timeout(300), 60_000));
    assert.equal(looks, 1);
  }));

Deno.test("untilFound() waits for a folder that does not exist yet", () =>
  withDir(async (parent) => {
    const dir = join(parent, "later");
    let looks = 0;
    await untilFound(dir, ["it"], async () => {
      if (++looks === 1) await Deno.mkdir(dir);
      if (looks === 2) await Deno.writeTextFile(join(dir, "it"), "");
      return looks === 3 ? true : undefined;
    }, AbortSignal.timeout(5000));
    assert.equal(looks, 3);
  }));

Deno.test("untilFound() ends with the reason of its signal", () =>
  withDir(async (dir) => {
    const stop = new AbortController();
    const found = untilFound(dir, ["it"], () => Promise.resolve(undefined), stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(found, /enough/);
  }));
