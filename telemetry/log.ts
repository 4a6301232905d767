/** JSON lines for machines to read. No payload ever goes through here. */

/** Severities, in rising order. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** Values that go into a line beside its message. Errors are written as message, name and code. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A logger; `with` makes one whose lines all carry more fields. */
export interface Logger {
  /** Writes a line at this severity. */
  debug(message: string, fields?: LogFields): void;
  /** Writes a line at this severity. */
  info(message: string, fields?: LogFields): void;
  /** Writes a line at this severity. */
  warn(message: string, fields?: LogFields): void;
  /** Writes a line at this severity. */
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry these fields too. */
  with(fields: LogFields): Logger;
}

/** Where lines go and which are dropped. */
export interface LoggerOptions {
  /** The lowest severity that is written. */
  readonly level: LogLevel;
  /** Receives one line without its newline; default: standard error. */
  readonly write?: (line: string) => void;
  /** Go into every line. */
  readonly fields?: LogFields;
  /** Default: the clock. */
  readonly now?: () => Date;
}

const encoder = new TextEncoder();

function writeToStderr(line: string): void {
  const bytes = encoder.encode(line + "\n");
  for (let sent = 0; sent < bytes.length;) sent += Deno.stderr.writeSync(bytes.subarray(sent));
}

function plain(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const code = "code" in value ? { code: value.code } : {};
  const cause = value.cause === undefined ? {} : { cause: plain(value.cause) };
  return { name: value.name, message: value.message, ...code, ...cause };
}

/**
 * Makes a logger of JSON lines: `{"time","level","message",...fields}`.
 *
 * @example
 * ```ts
 * import { createLogger } from "@asya/telemetry";
 * const lines: string[] = [];
 * const log = createLogger({ level: "info", write: (line) => lines.push(line) });
 * log.with({ actor: "prep" }).info("ready", { queue: "asya-prep" });
 * log.debug("not written");
 * if (lines.length !== 1 || JSON.parse(lines[0]!).actor !== "prep") throw new Error("wrong line");
 * ```
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, write = writeToStderr, fields = {}, now = () => new Date() } = options;
  const lowest = LOG_LEVELS.indexOf(level);
  const line = (at: LogLevel) => (message: string, more: LogFields = {}) => {
    if (LOG_LEVELS.indexOf(at) < lowest) return;
    const entry: Record<string, unknown> = { time: now().toISOString(), level: at, message };
    for (const [name, value] of Object.entries({ ...fields, ...more })) entry[name] = plain(value);
    write(JSON.stringify(entry));
  };
  return {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    with: (more) => createLogger({ level, write, now, fields: { ...fields, ...more } }),
  };
}
