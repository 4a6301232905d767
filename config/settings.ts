/**
 * Everything that a service reads from its environment, declared once: name, type, default, unit,
 * help. Reading collects every problem before it complains, so that one start shows them all.
 */

import { parseDuration } from "@asya/envelope";

/** One environment variable, as a table's row. */
export interface Setting<T> {
  /** The variable's name; the first one set wins. */
  readonly names: readonly [string, ...string[]];
  /** What it holds, for help and docs: `duration`, `bytes`, `boolean`, ... */
  readonly type: string;
  /** What it is for, as a phrase. */
  readonly help: string;
  /** The default as a user would write it; absent when there is none. */
  readonly fallback?: string | undefined;
  /** Whether the start fails without it. */
  readonly required: boolean;
  /** Never printed. */
  readonly secret: boolean;
  /** Makes the value. @throws Error with a message that says what is expected */
  readonly parse: (text: string) => T;
}

interface Options {
  readonly help: string;
  readonly required?: boolean;
  readonly secret?: boolean;
  /** Older or other names of the same variable. */
  readonly aliases?: readonly string[];
}

interface WithDefault extends Options {
  readonly fallback: string;
}

type Maker<T> = {
  (name: string, options: WithDefault | (Options & { required: true })): Setting<T>;
  (name: string, options: Options): Setting<T | undefined>;
};

function maker<T>(type: string, parse: (text: string) => T): Maker<T> {
  return ((name: string, options: Options & { fallback?: string }) => ({
    names: [name, ...options.aliases ?? []],
    type,
    help: options.help,
    fallback: options.fallback,
    required: options.required ?? false,
    secret: options.secret ?? false,
    parse,
  })) as Maker<T>;
}

const TRUE = ["true", "1", "yes", "on"];
const FALSE = ["false", "0", "no", "off", ""];

function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (TRUE.includes(word)) return true;
  if (FALSE.includes(word)) return false;
  throw new Error("expected true or false (or 1, yes, on, 0, no, off)");
}

function parseInteger(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text.trim())) throw new Error("expected a whole number, 0 or more");
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

function parseBytes(text: string): number {
  const [, digits, unit = ""] = /^([0-9]{1,15}) ?([kMG]i?|Ki)?B?$/.exec(text.trim()) ?? [];
  const factor = UNITS[unit];
  if (digits === undefined || factor === undefined) {
    throw new Error("expected bytes such as 65536, 64Ki or 256MiB");
  }
  return Number(digits) * factor;
}

/** Where a server listens. */
export interface ListenAddress {
  /** An IP address, or a name that resolves to one of this machine's. */
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
}

function parseAddress(text: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new Error("expected host:port or :port, such as :8080 or 127.0.0.1:8080");
  }
  return { hostname: bracketed ?? (plain || "0.0.0.0"), port };
}

function parseJson(text: string): unknown {
  return JSON.parse(text);
}

/** Makers of rows, one a type. */
export const setting = {
  text: maker("text", (text) => text),
  boolean: maker("boolean", parseBoolean),
  integer: maker("integer", parseInteger),
  /** Go duration syntax; the value is in milliseconds. */
  duration: maker("duration", parseDuration),
  bytes: maker("bytes", parseBytes),
  /** `host:port`, or `:port` for all of the machine's addresses. */
  address: maker("host:port", parseAddress),
  json: maker("JSON", parseJson),
  /** One of a fixed set of lower-case words; upper case is read as lower case. */
  oneOf: <const W extends readonly string[]>(words: W) =>
    maker<W[number]>(words.join(" | "), (text) => {
      const word = text.toLowerCase();
      if (!words.includes(word)) throw new Error(`expected one of ${words.join(", ")}`);
      return word;
    }),
  /** A row with a parser of its own. */
  custom: <T>(type: string, parse: (text: string) => T) => maker(type, parse),
};

/** A service's rows by the names that its code uses. */
// deno-lint-ignore no-explicit-any
export type SettingsTable = Readonly<Record<string, Setting<any>>>;

/** The values of a {@linkcode SettingsTable}. */
export type Settings<T extends SettingsTable> = {
  readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never;
};

/** One or more variables are missing or wrong; the message lists each of them. */
export class SettingsError extends Error {
  /** The class. */
  override readonly name = "SettingsError";
  /** Stable. */
  readonly code = "invalid_settings";
  /** Each problem is one sentence that names its variable. */
  constructor(readonly problems: readonly string[]) {
    const head = problems.length === 1 ? "1 setting is" : `${problems.length} settings are`;
    super(`${head} wrong:\n${problems.map((p) => `  - ${p}`).join("\n")}`);
  }
}

function shown(row: Setting<unknown>, text: string): string {
  if (row.secret) return "(hidden)";
  return JSON.stringify(text.length > 80 ? text.slice(0, 80) + "…" : text);
}

/**
 * Reads a table from an environment. An empty text counts as unset.
 *
 * @throws SettingsError naming every missing and every wrong variable
 *
 * @example
 * ```ts
 * import { readSettings, setting } from "@asya/config";
 * const table = {
 *   actor: setting.text("ASYA_ACTOR_NAME", { required: true, help: "the actor's name" }),
 *   timeout: setting.duration("ASYA_RUNTIME_TIMEOUT", { fallback: "5m", help: "per call" }),
 * };
 * const values = readSettings(table, { ASYA_ACTOR_NAME: "prep" });
 * if (values.timeout !== 300_000) throw new Error("wrong default");
 * ```
 */
export function readSettings<T extends SettingsTable>(
  table: T,
  env: Readonly<Record<string, string | undefined>>,
): Settings<T> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, row] of Object.entries(table)) {
    const name = row.names.find((candidate) => env[candidate]) ?? row.names[0];
    const text = env[name] || row.fallback;
    if (text === undefined) {
      if (row.required) problems.push(`${name} is not set: ${row.help}`);
      continue;
    }
    try {
      values[key] = row.parse(text);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problems.push(`${name}=${shown(row, text)}: ${why}`);
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return values as Settings<T>;
}

/** A table as Markdown rows, for the generated reference and `--help`. */
export function describeSettings(table: SettingsTable): string {
  const rows = Object.values(table).map((row) => {
    const names = row.names.map((name) => `\`${name}\``).join(", ");
    const fallback = row.required ? "**required**" : row.fallback ? `\`${row.fallback}\`` : "";
    return `| ${names} | ${row.type.replaceAll("|", "\\|")} | ${fallback} | ${row.help} |`;
  });
  return ["| variable | type | default | meaning |", "|---|---|---|---|", ...rows, ""].join("\n");
}
