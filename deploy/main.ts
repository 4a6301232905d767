/** The tasks `deploy`, `undeploy` and `build`. @module */

import { BuilderError } from "./builder.ts";
import { build } from "./build.ts";
import { type Command, DeployError, helpOf, readInput, UsageError, type World } from "./command.ts";
import { deploy } from "./deploy.ts";
import { openTerminal } from "./terminal.ts";
import { runTool, ToolError } from "./tool.ts";
import { undeploy } from "./undeploy.ts";

/** All commands by their names. */
export const COMMANDS: readonly Command[] = [deploy, undeploy, build];

function report(error: unknown, note: (text: string) => void): number {
  if (error instanceof UsageError) {
    note(`${error.message}\nnext: --help`);
    return 2;
  }
  if (error instanceof DeployError) {
    note(`\n${error.message}${error.next ? `\nnext: ${error.next}` : ""}`);
    return 1;
  }
  if (error instanceof BuilderError || error instanceof ToolError) {
    note(`\n${error.message}`);
    return error.code === "interrupted" ? 130 : 1;
  }
  throw error;
}

/** Runs one command line, the command's name first. @returns the exit code */
export async function runCommand(
  argv: readonly string[],
  world: World,
  note: (text: string) => void,
): Promise<number> {
  const [name, ...args] = argv;
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) {
    note(`usage: main.ts ${COMMANDS.map((candidate) => candidate.name).join("|")} --help`);
    return 2;
  }
  if (args.includes("--help") || args.includes("-h")) {
    world.terminal.line(helpOf(command));
    return 0;
  }
  try {
    return await command.run(readInput(command.options, args), world);
  } catch (error) {
    return report(error, note);
  }
}

function interruptions(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => {
      if (controller.signal.aborted) Deno.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

if (import.meta.main) {
  const encoder = new TextEncoder();
  const writeAll = (to: { writeSync(bytes: Uint8Array): number }, text: string) => {
    const bytes = encoder.encode(text);
    for (let sent = 0; sent < bytes.length;) sent += to.writeSync(bytes.subarray(sent));
  };
  const live = Deno.stdout.isTerminal();
  const world: World = {
    run: runTool,
    terminal: openTerminal((text) => writeAll(Deno.stdout, text), {
      live,
      colours: live && !Deno.noColor,
    }),
    env: Deno.env.toObject(),
    interrupted: interruptions(),
    ...Deno.stdin.isTerminal() ? { confirm } : {},
  };
  Deno.exit(await runCommand(Deno.args, world, (text) => writeAll(Deno.stderr, `${text}\n`)));
}
