import assert from "node:assert/strict";
import { join } from "node:path";
import { createLogger } from "@asya/telemetry";
import { untilFound, type WatchOptions } from "./watch.ts";

function at(dir: string, signal: AbortSignal, lines: string[] = []): WatchOptions {
  const log = createLogger({ level: "warn", write: (line) => void lines.push(line) });
  return { dir, names: ["it"], signal, log };
}

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
    const found = await untilFound(() => {
      if (++looks === 1) Deno.writeTextFileSync(join(dir, "it"), "now");
      return Promise.resolve(looks === 2 ? "found" : undefined);
    }, { ...at(dir, AbortSignal.timeout(10_000)), pollMs: 60_000 });
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
    const options = { ...at(dir, AbortSignal.timeout(300)), pollMs: 60_000 };
    await assert.rejects(untilFound(look, options));
    assert.equal(looks, 1);
  }));

Deno.test("untilFound() waits for a folder that does not exist yet", () =>
  withDir(async (parent) => {
    const dir = join(parent, "later");
    let looks = 0;
    await untilFound(async () => {
      if (++looks === 1) await Deno.mkdir(dir);
      if (looks === 2) await Deno.writeTextFile(join(dir, "it"), "");
      return looks === 3 ? true : undefined;
    }, at(dir, AbortSignal.timeout(5000)));
    assert.equal(looks, 3);
  }));

Deno.test("untilFound() ends with the reason of its signal", () =>
  withDir(async (dir) => {
    const stop = new AbortController();
    const found = untilFound(() => Promise.resolve(undefined), at(dir, stop.signal));
    stop.abort(new Error("enough"));
    await assert.rejects(found, /enough/);
  }));

for (
  const [when, watchFs] of Object.entries({
    "cannot be watched": () => {
      throw new Error("Too many open files (os error 24)");
    },
    // deno-lint-ignore require-yield -- a watcher that breaks before its first event
    "stops being watched": async function* () {
      throw new Error("Too many open files (os error 24)");
    },
  })
) {
  Deno.test(`untilFound() looks now and then at a folder that ${when}, and says so once`, () =>
    withDir(async (dir) => {
      const real = Deno.watchFs;
      const lines: string[] = [];
      let looks = 0;
      const close = () => undefined;
      Deno.watchFs = () => Object.assign(watchFs(), { close, [Symbol.dispose]: close });
      try {
        await untilFound(
          () => Promise.resolve(++looks === 4 ? true : undefined),
          { ...at(dir, AbortSignal.timeout(5000), lines), pollMs: 5 },
        );
      } finally {
        Deno.watchFs = real;
      }
      assert.equal(lines.length, 1);
      assert.match(lines[0]!, /Too many open files/);
    }));
}
