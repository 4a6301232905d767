/** Command lines: their options, their help, and what is wrong with them. */

import { parseArgs } from "node:util";
import { closest } from "@asya/manifest";
import type { Run } from "./tool.ts";
import type { Terminal } from "./terminal.ts";

/** The world as a command sees it. */
export interface World {
  readonly run: Run;
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user wants to stop. */
  readonly interrupted: AbortSignal;
  /** Asks for yes or no; undefined where there is nobody to ask. */
  readonly confirm?: (question: string) => boolean;
}

/** One `--option`. */
export interface Option {
  /** How its value is called in help; absent: it has none. */
  readonly value?: string;
  /** It may be given several times. */
  readonly many?: true;
  readonly help: string;
}

/** What the user wrote: the last value of an option, and all of them. */
export interface Input {
  readonly positionals: readonly string[];
  /** Whether an option without value was given. */
  has(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
}

/** A command. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Arguments of `deno task NAME`, and what they do. */
  readonly examples: readonly (readonly [args: string, what: string])[];
  readonly options: Readonly<Record<string, Option>>;
  /** @returns the exit code */
  run(input: Input, world: World): Promise<number>;
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "usage";
}

/** It cannot be done: exit code 1. `next` says what to try. */
export class DeployError extends Error {
  override readonly name = "DeployError";
  readonly code = "failed";
  constructor(message: string, readonly next?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * Reads the arguments of a command.
 *
 * @throws UsageError for an option that there is not, or that lacks its value
 */
export function readInput(options: Command["options"], args: readonly string[]): Input {
  const config = Object.fromEntries(
    Object.entries(options).map(([name, { value }]) => [
      name,
      { type: value === undefined ? "boolean" : "string", multiple: true } as const,
    ]),
  );
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: config,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = options[token.name];
    if (option === undefined) {
      const near = closest(token.name, Object.keys(options));
      throw new UsageError(
        `there is no option ${token.rawName}${near ? `; did you mean --${near}?` : ""}`,
      );
    }
    if (option.value !== undefined && !token.value) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${option.value}`);
    }
    if (option.value === undefined && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value`);
    }
    const given = tokens.filter((other) => other.kind === "option" && other.name === token.name);
    if (option.value !== undefined && !option.many && given.length > 1) {
      throw new UsageError(`${token.rawName} is given ${given.length} times`);
    }
  }
  const texts = (name: string) => (values[name] ?? []) as unknown as string[];
  return {
    positionals,
    has: (name) => name in values,
    text: (name) => texts(name)[0],
    texts,
  };
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

/** Help of a command, examples first. */
export function helpOf({ name, summary, examples, options }: Command): string {
  const rows = Object.entries(options).map(([option, { value, help, many }]) =>
    [`--${option}${value ? ` ${value}` : ""}${many ? " ..." : ""}`, help] as const
  );
  return [
    `deno task ${name}: ${summary}`,
    `Examples\n${
      columns(examples.map(([args, what]) => [`deno task ${name} ${args}`.trim(), what]))
    }`,
    `Options\n${columns(rows)}`,
    "Exit codes: 0 done, 1 failed, 2 wrong usage.",
  ].join("\n\n");
}
