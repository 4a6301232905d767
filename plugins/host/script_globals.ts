/**
 * The globals that a script finds beside those of the language. This function's text is what the
 * engine evaluates: it may use nothing but its parameters and the language itself.
 */

/** Writes a line to the actor's log. */
export type WriteLog = (level: "debug" | "info" | "warn" | "error", text: string) => void;

/** Installs `console`, `structuredClone`, `queueMicrotask`; refuses timers and `fetch`. */
export function installGlobals(global: Record<string, unknown>, writeLog: WriteLog): void {
  const { parse, stringify } = JSON;

  function define(name: string, value: unknown): void {
    Object.defineProperty(global, name, { value, configurable: true, writable: true });
  }

  function shown(value: unknown): string {
    if (typeof value === "string") return value;
    if (value instanceof Error) return `${value.name}: ${value.message}\n${value.stack ?? ""}`;
    try {
      return stringify(value) ?? String(value);
    } catch {
      return String(value); // circular, or a bigint
    }
  }

  const printer = (level: Parameters<WriteLog>[0]) => (...values: unknown[]): void =>
    writeLog(level, values.map(shown).join(" "));
  const info = printer("info");
  const [debug, warn, error] = [printer("debug"), printer("warn"), printer("error")];
  define("console", { log: info, info, debug, trace: debug, warn, error });

  define("structuredClone", (value: unknown): unknown => {
    const text = stringify(value);
    return text === undefined ? undefined : parse(text);
  });
  define("queueMicrotask", (run: () => void): void => void Promise.resolve().then(() => run()));

  const refuse = (name: string, why: string) =>
    define(name, () => {
      throw new Error(`${name}() is not there in a handler: ${why}`);
    });
  for (const name of ["setTimeout", "setInterval", "setImmediate"]) {
    refuse(name, "a call has no time to wait");
  }
  for (const name of ["clearTimeout", "clearInterval", "clearImmediate"]) define(name, () => {});
  refuse("fetch", "use context.http({ method, url, headers, body })");
  // Shared memory is of use to threads only, and there are none.
  delete global.SharedArrayBuffer;
}
