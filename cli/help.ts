/** Help texts: examples first, because that is what people read. */

import type { Command, Option } from "./command.ts";

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

function optionName([name, { value }]: [string, Option]): string {
  return `--${name}${value ? ` ${value}` : ""}`;
}

/** Help of one command. */
export function commandHelp(command: Command): string {
  const { name, summary, usage, examples, options } = command;
  const parts = [
    `asya ${name}: ${summary}`,
    `Examples\n${columns(examples.map(([line, what]) => [`asya ${line}`, what]))}`,
    `Usage\n  asya ${usage}`,
  ];
  const rows = Object.entries(options).map((entry) => [optionName(entry), entry[1].help] as const);
  if (rows.length > 0) parts.push(`Options\n${columns(rows)}`);
  return parts.join("\n\n");
}

/** Help of the whole CLI. */
export function overview(commands: readonly Command[]): string {
  const examples = commands.map(({ examples: [first] }) => first!).map(([line, what]) =>
    [`asya ${line}`, what] as const
  );
  return [
    "asya: actors that pass messages along a route",
    `Examples\n${columns(examples)}`,
    `Commands\n${columns(commands.map(({ name, summary }) => [name, summary]))}`,
    "`asya COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 2 wrong usage.",
  ].join("\n\n");
}
