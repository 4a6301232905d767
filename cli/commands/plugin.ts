/** `asya plugin`: make, build, test and measure the handlers that run as WASM in the sidecar. */

import { type Command, type Input, type Io, text, UsageError } from "../command.ts";
import { benchCommand } from "./plugin_bench.ts";
import { buildCommand } from "./plugin_build.ts";
import { casesCommand } from "./plugin_cases.ts";
import { inspectCommand } from "./plugin_inspect.ts";
import { newCommand } from "./plugin_new.ts";

type Verb = (argument: string | undefined, input: Input, io: Io) => Promise<number>;

function wanted(argument: string | undefined, what: string): string {
  if (argument === undefined) throw new UsageError(`give ${what}`);
  return argument;
}

const VERBS: Readonly<Record<string, Verb>> = {
  new: (name, input, io) =>
    newCommand({
      name: wanted(name, "a name"),
      lang: text(input, "lang", ""),
      parent: text(input, "dir", "."),
    }, io),
  build: (dir = ".", _, io) => buildCommand(dir, io),
  test: (dir = ".", _, io) => casesCommand(dir, io),
  bench: (dir = ".", _, io) => benchCommand(dir, io),
  inspect: (file, _, io) => inspectCommand(wanted(file, "a .wasm file"), io),
};

/** The command. */
export const plugin: Command = {
  name: "plugin",
  summary: "make, build, test and measure WASM plugins",
  usage: "plugin new NAME --lang rust|go|ts|as|c | build [DIR] | test [DIR] | bench [DIR] | " +
    "inspect FILE.wasm",
  examples: [
    ["plugin new summary --lang rust", "a folder with a handler that works, and its cases"],
    ["plugin build summary", "makes summary/build/summary.wasm"],
    ["plugin test summary", "runs summary/cases/ under the limits of production"],
    ["plugin bench summary", "how long a call takes, in a worker and in the sidecar's thread"],
    ["plugin inspect summary/build/summary.wasm", "what a module is and what it may do"],
  ],
  options: {
    lang: { type: "string", value: "LANG", help: "rust, go, ts, as (AssemblyScript) or c" },
    dir: { type: "string", value: "DIR", help: "where new makes the folder (default: .)" },
  },
  async run(input, io) {
    const [name = "", argument, ...more] = input.positionals;
    const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
    if (!verb) throw new UsageError(`plugin needs one of ${Object.keys(VERBS).join(", ")}`);
    if (more.length > 0) throw new UsageError(`plugin ${name} takes one argument`);
    return await verb(argument, input, io);
  },
};
