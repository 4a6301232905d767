/** What the tests of real runtimes share: where commands are, and a report that has to be clean. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Capability } from "./case.ts";
import { textOf } from "./report.ts";
import { runKit } from "./run.ts";
import type { Target } from "./subject.ts";

/** A path of the repository. */
export function here(path: string): string {
  return new URL(path, import.meta.url).pathname;
}

/** The first of these commands that answers to `args`; looked for on PATH and where installers put it. */
export function findCommand(name: string, ...args: readonly string[]): string | undefined {
  const home = Deno.env.get("HOME") ?? "/";
  const places = [name, join("/usr/local", name, "bin", name), join(home, ".cargo/bin", name)];
  return places.find((place) => {
    try {
      return new Deno.Command(place, { args: [...args], stderr: "null" }).outputSync().success;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}

/** Plays the suite; fails with the whole report unless every case passes. */
export async function conformsTo(
  target: Target,
  without: readonly Capability[] = [],
  only?: readonly Capability[],
): Promise<void> {
  const options = { target, name: target.command.join(" "), version: "", without };
  const report = await runKit(only ? { ...options, only } : options);
  assert.equal(report.failures.length, 0, `\n${textOf(report)}`);
  const played = Object.values(report.capabilities).filter(({ verdict }) => verdict === "yes");
  assert(played.length > 0, "no case was played");
}

/** Builds something; the error says what the compiler printed. */
export async function build(command: string, args: readonly string[], cwd: string): Promise<void> {
  const compiler = new Deno.Command(command, { args: [...args], cwd, stderr: "piped" });
  const { success, stderr } = await compiler.output();
  assert(success, new TextDecoder().decode(stderr));
}
