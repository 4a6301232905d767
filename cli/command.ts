/** What a command of the CLI is. A new one is a file in `commands/` and a line in its list. */

/** Where a command reads and writes. */
export interface Io {
  /** The answer, to standard output. A newline is added. */
  out(text: string): void;
  /** Everything else, to standard error. A newline is added. */
  note(text: string): void;
  /** All of standard input, as text. */
  readInput(): Promise<string>;
  readonly env: Readonly<Record<string, string>>;
  /** Aborts when the user wants to stop. */
  readonly interrupted: AbortSignal;
}

/** One `--option`. */
export interface Option {
  readonly type: "string" | "boolean";
  /** How its value is called in help. */
  readonly value?: string;
  readonly help: string;
}

/** What the user wrote, split. */
export interface Input {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
}

/** A command. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Without `asya`. */
  readonly usage: string;
  /** A command line (without `asya`) and what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  readonly options: Readonly<Record<string, Option>>;
  /** @returns the exit code. @throws UsageError; anything else is a failure */
  run(input: Input, io: Io): Promise<number>;
}

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "usage";
}

/** The command cannot do what it was asked to: exit code 1. `next` says what to try. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code = "failed";
  constructor(message: string, readonly next?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A text option, or what it is when it was not given. */
export function text(input: Input, name: string, fallback: string): string {
  const value = input.values[name];
  return typeof value === "string" ? value : fallback;
}

/** Options that several commands have. */
export const COMMON = {
  dir: { type: "string", value: "DIR", help: "the folder that dev runs (default: .)" },
  url: { type: "string", value: "URL", help: "the gateway (default: that of dev in DIR)" },
  json: { type: "boolean", help: "print JSON for programs" },
} as const satisfies Record<string, Option>;
