/** Runs the test_*.py beside it under every supported Python that can be found. */

import assert from "node:assert/strict";
import { join } from "node:path";

const FOLDER = new URL(".", import.meta.url).pathname;
const TESTS = ["-m", "unittest", "discover", "-s", FOLDER];
const BOUND_MS = 480_000;
const OLDEST_MINOR = 8;
const NEWEST_MINOR = 14;

/** Commands that may be a Python: what ASYA_TEST_PYTHONS says, PATH, and pyenv's folder. */
function candidates(): string[] {
  const minors = Array.from(
    { length: NEWEST_MINOR - OLDEST_MINOR + 1 },
    (_, i) => i + OLDEST_MINOR,
  );
  const named = (Deno.env.get("ASYA_TEST_PYTHONS") ?? "").split(/[\s,]+/).filter(Boolean);
  const pyenv = join(Deno.env.get("HOME") ?? "/", ".pyenv", "versions");
  return [
    ...named,
    "python3",
    ...minors.map((minor) => `python3.${minor}`),
    ...folders(pyenv).map((version) => join(pyenv, version, "bin", "python3")),
  ];
}

function folders(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map((entry) => entry.name).toSorted();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function run(
  command: string,
  args: string[],
  quick = false,
): Promise<{ ok: boolean; text: string }> {
  try {
    const signal = AbortSignal.timeout(BOUND_MS);
    const env: Record<string, string> = quick ? { ASYA_TEST_QUICK: "1" } : {};
    const options = { args, env, signal, stdout: "piped", stderr: "piped" } as const;
    const { success, stdout, stderr } = await new Deno.Command(command, options).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    return { ok: success, text: text.trim() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { ok: false, text: String(error) };
    throw error;
  }
}

/** One command a minor version, by that version: `3.11` to `python3`. */
async function pythons(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const code = "import sys; print('%d.%d' % sys.version_info[:2])";
  for (const command of candidates()) {
    const { ok, text } = await run(command, ["-c", code]);
    const [major, minor] = text.split(".").map(Number);
    if (ok && major === 3 && minor! >= OLDEST_MINOR && !found.has(text)) found.set(text, command);
  }
  return found;
}

Deno.test("asya_runtime.py passes its own tests under every Python from 3.8 on", async (t) => {
  const found = await pythons();
  assert(found.size > 0, "no Python >= 3.8: put one on PATH or into ASYA_TEST_PYTHONS");
  const results = new Map<string, { ok: boolean; text: string }>();
  const waiting = found.entries();
  const [thorough] = found.keys();
  const runAll = async () => {
    for (const [version, command] of waiting) {
      results.set(version, await run(command, TESTS, version !== thorough));
    }
  };
  await Promise.all([runAll(), runAll()]);
  for (const [version, { ok, text }] of results) {
    await t.step(`Python ${version}`, () => {
      assert(ok, text);
      assert.match(text, /Ran \d+ tests/);
    });
  }
});
