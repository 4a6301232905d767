/** A command line to an exit code: 0 done, 1 failed, 2 wrong usage. */

import { parseArgs } from "node:util";
import { closest } from "@asya/manifest";
import { type Command, CommandError, type Input, type Io, UsageError } from "./command.ts";
import { commandHelp, overview } from "./help.ts";

function read(command: Command, args: readonly string[]): Input {
  const options: Record<string, { type: "string" | "boolean" }> = { help: { type: "boolean" } };
  for (const [name, { type }] of Object.entries(command.options)) options[name] = { type };
  // First without strictness: the parser's own words for a wrong option help nobody.
  const loose = parseArgs({
    args: [...args],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  for (const token of loose.tokens) {
    if (token.kind !== "option") continue;
    const known = options[token.name];
    if (!known) {
      const near = closest(token.name, Object.keys(options));
      const hint = near ? `; did you mean --${near}?` : "";
      throw new UsageError(`there is no option ${token.rawName}${hint}`);
    }
    if (known.type === "string" && token.value === undefined) {
      throw new UsageError(`${token.rawName} needs a value`);
    }
    if (known.type === "boolean" && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value`);
    }
  }
  return { positionals: loose.positionals, values: loose.values };
}

function chosen(commands: readonly Command[], name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command) return command;
  const near = closest(name, commands.map((candidate) => candidate.name));
  throw new UsageError(`there is no command ${name}${near ? `; did you mean ${near}?` : ""}`);
}

function report(error: unknown, io: Io): void {
  const message = error instanceof Error ? error.message : String(error);
  io.note(`asya: ${message}`);
  if (error instanceof CommandError && error.next) io.note(`next: ${error.next}`);
  if (io.env["ASYA_LOG_LEVEL"] === "debug" && error instanceof Error) io.note(error.stack ?? "");
}

/** Runs one command line (without the program's name). Never rejects. */
export async function run(
  commands: readonly Command[],
  argv: readonly string[],
  io: Io,
): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    io.out(overview(commands));
    return name === undefined ? 2 : 0;
  }
  let command: Command | undefined;
  try {
    command = chosen(commands, name);
    if (args.includes("-h") || args.includes("--help")) {
      io.out(commandHelp(command));
      return 0;
    }
    return await command.run(read(command, args), io);
  } catch (error) {
    report(error, io);
    if (!(error instanceof UsageError)) return 1;
    io.note(command ? `usage: asya ${command.usage}` : "next: asya --help");
    return 2;
  }
}
