/** The gate: format, lint, types, docs, examples, room rules, generated files. `deno task check`. */

import { drifted } from "./generate.ts";
import { roomProblems, ROOMS } from "./rooms.ts";
import { sourceFiles } from "./sources.ts";

interface Step {
  readonly name: string;
  /** What is wrong, one line each; empty when all is well. */
  run(): Promise<string[]>;
}

function command(name: string, ...args: string[]): Step {
  return {
    name,
    async run() {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args,
        env: { NO_COLOR: "1" },
      }).output();
      if (success) return [];
      const text = new TextDecoder();
      return [(text.decode(stdout) + text.decode(stderr)).trim()];
    },
  };
}

/** The examples of doc comments, and only of files that have some: a door would load its whole room. */
const examples: Step = {
  name: "doc examples",
  async run() {
    const files: string[] = [];
    for await (const file of sourceFiles()) {
      const room = file.split("/")[0]!;
      const source = await Deno.readTextFile(file);
      if (room in ROOMS && source.includes(" * @example")) files.push(file);
    }
    return await command("", "test", "-A", "--doc", "--quiet", ...files).run();
  },
};

const rooms: Step = {
  name: "rooms",
  async run() {
    const problems: string[] = [];
    for await (const file of sourceFiles()) {
      problems.push(...roomProblems(file, await Deno.readTextFile(file)));
    }
    return problems;
  },
};

const generated: Step = {
  name: "generated files",
  async run() {
    return (await drifted()).map((path) => `${path} is stale; run: deno task generate`);
  },
};

const doors = Object.keys(ROOMS).map((room) => `${room}/mod.ts`);

const STEPS: readonly Step[] = [
  command("format", "fmt", "--check", "--quiet"),
  command("lint", "lint", "--quiet"),
  command("types", "check", "--quiet", "."),
  command("public docs", "doc", "--lint", ...doors),
  examples,
  rooms,
  generated,
];

let failed = 0;
for (const step of STEPS) {
  const start = performance.now();
  const problems = await step.run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${problems.length === 0 ? "ok  " : "FAIL"} ${step.name.padEnd(16)} ${seconds} s`);
  for (const problem of problems) console.log(problem.replaceAll(/^/gm, "     "));
  if (problems.length > 0) failed++;
}
Deno.exit(failed === 0 ? 0 : 1);
