/** Sidecars and bare relays as an image runs them: bundled, with their code compiled beforehand. */

import { join } from "node:path";
import { bundleScripts, WORKERS } from "../../images/bundle.ts";
import { v8Flags } from "../image_flags.ts";
import { Process } from "./process.ts";

/** What is run on the broker, by its path without its ending. */
export type Program = "sidecar/main" | "bench/broker/function_sidecar" | "bench/broker/relay";

const PROGRAMS: readonly Program[] = [
  "sidecar/main",
  "bench/broker/function_sidecar",
  "bench/broker/relay",
];
const V8_FLAGS = v8Flags("sidecar");
const RUN = ["run", "-A", "--no-config", "--no-lock", "--unstable-worker-options"];
const WARM = new URL("../../images/warm.ts", import.meta.url).pathname;

let made: Promise<string> | undefined;

/** Starts a program; the first time they are all bundled, and are there until this process ends. */
export async function startProgram(
  program: Program,
  { args = [], env = {} }: { args?: readonly string[]; env?: Readonly<Record<string, string>> },
): Promise<Process> {
  const folder = await (made ??= make());
  return new Process(Deno.execPath(), {
    args: [...RUN, join(folder, "app", `${program}.js`), ...args],
    env: { ...environment(folder), ...env },
  });
}

async function make(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "asya-bench-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const app = join(folder, "app");
  const scripts = PROGRAMS.map((program) => `${program}.ts`);
  await bundleScripts(app, [...scripts, ...Object.values(WORKERS)]);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [...RUN, WARM, app],
    env: environment(folder),
  }).output();
  if (code !== 0) throw new Error(`the programs cannot be compiled beforehand: exit code ${code}`);
  return folder;
}

function environment(folder: string): Record<string, string> {
  return { DENO_DIR: join(folder, "cache"), DENO_V8_FLAGS: V8_FLAGS };
}
