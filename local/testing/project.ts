/** Project folders and runs of them, for tests; all of it is gone afterwards. */

import { join } from "node:path";
import { type Local, type LocalOptions, type Output, startLocal } from "../mod.ts";

/** A folder that is removed in the end. */
export interface TestProject extends AsyncDisposable {
  readonly dir: string;
}

/** A temporary folder with these files. */
export async function makeProject(files: Readonly<Record<string, string>>): Promise<TestProject> {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-test-" }));
  for (const [name, text] of Object.entries(files)) await writeSource(join(dir, name), text);
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

/** Writes as editors do: beside, then renamed. */
export async function writeSource(path: string, text: string): Promise<void> {
  await Deno.mkdir(join(path, ".."), { recursive: true });
  await Deno.writeTextFile(`${path}~`, text);
  await Deno.rename(`${path}~`, path);
}

/** A Python actor in the short form. */
export function pythonActor(name: string, handler: string, more = ""): string {
  return `apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata: { name: ${name} }
spec:
  transport: rabbitmq
  handler: { python: { path: ${handler} } }
${more}`;
}

/** Runs a folder while `use` runs. */
export async function whileRunning(
  dir: string,
  use: (local: Local) => Promise<void>,
  options: Partial<LocalOptions> = {},
): Promise<void> {
  await using local = await startLocal({ dir, port: 0, ...options });
  await use(local);
}

/** Waits until `look` finds something; fails after `ms`. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  what: string,
  ms = 30_000,
): Promise<T> {
  const until = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > until) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** The payload that an end actor kept of an envelope; undefined while it has not. */
export async function resultOf(
  local: Local,
  id: string,
  endActor = "happy-end",
  // deno-lint-ignore no-explicit-any -- a test knows what its handler answers
): Promise<any> {
  try {
    const path = join(local.resultsDir, endActor, `${id}.json`);
    return JSON.parse(await Deno.readTextFile(path)).payload;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether a process exists that is not a zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A console that keeps what is written. */
export function recorder(): Output & { text: string } {
  return {
    text: "",
    colour: false,
    size: () => ({ columns: 100, rows: 25 }),
    write(text) {
      this.text += text;
    },
  };
}
