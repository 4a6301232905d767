/** `asya plugin inspect`: what a module is and what it may do, without running it. */

import { dirname, resolve } from "node:path";
import { authoring, type Inspection, type PluginDefinition } from "@asya/plugins";
import { CommandError, type Io } from "../command.ts";
import { bytesText } from "./plugin_build.ts";
import { optionsOf } from "./plugin_settings.ts";

/** What no module may do at all. */
const NEVER = "open files, sockets, processes or threads; see the environment, the host or others";

function memoryText({ memory }: Inspection): string {
  if (!memory) return "none declared";
  const { min, max } = memory;
  return `${bytesText(min)}, ${
    max === undefined ? "no bound of its own" : `at most ${bytesText(max)}`
  }`;
}

function section(title: string, lines: readonly string[]): string {
  return [title, ...lines.map((line) => `  ${line}`)].join("\n");
}

/** The report, for people. */
export function inspectionText(found: Inspection): string {
  const can = found.abilities.filter(({ imports }) => imports.length > 0);
  const cannot = found.abilities.filter(({ imports }) => imports.length === 0);
  const parts = [[
    `language  ${found.language ?? "unknown"}`,
    `size      ${bytesText(found.size)}, ${bytesText(found.gzipSize)} gzipped`,
    `sha256    ${found.sha256}`,
    `memory    ${memoryText(found)}`,
    `exports   ${found.exports.join(", ") || "none"}`,
  ].join("\n")];
  if (can.length > 0) {
    parts.push(section(
      "may",
      can.map(({ what, bound, imports }) => `${what}: ${bound}\n    ${imports.join(", ")}`),
    ));
  }
  parts.push(section("may not", [...cannot.map(({ what }) => what), NEVER]));
  parts.push(section("problems", found.problems.length > 0 ? found.problems : ["none"]));
  return parts.join("\n\n");
}

/** That of the folder which built the file, else the defaults of an actor. */
async function definitionOf(file: string): Promise<PluginDefinition> {
  const { PluginFileError, readDefinition } = await authoring();
  try {
    return await readDefinition(dirname(dirname(resolve(file))));
  } catch (error) {
    if (!(error instanceof PluginFileError)) throw error;
    const definition = { name: "plugin", lang: "c", function: "handle", mode: "payload" } as const;
    return { ...definition, allowedHosts: [], config: {} };
  }
}

/** Prints the report; exit code 1 where the module could not be loaded. */
export async function inspectCommand(file: string, io: Io): Promise<number> {
  let module: Uint8Array<ArrayBuffer>;
  try {
    module = await Deno.readFile(file);
  } catch (cause) {
    const built = "give the .wasm file that `asya plugin build` made";
    if (cause instanceof Deno.errors.IsADirectory) {
      throw new CommandError(`${file} is a folder`, built, { cause });
    }
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new CommandError(`there is no file ${file}`, built, { cause });
  }
  const { functionName, limits } = optionsOf({ definition: await definitionOf(file), module });
  const { inspectModule } = await authoring();
  const found = await inspectModule(module, functionName, limits);
  io.out(inspectionText(found));
  return found.problems.length === 0 ? 0 : 1;
}
