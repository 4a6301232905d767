/**
 * The guest's half of a call. The text of {@linkcode prelude} is evaluated in each engine before the
 * script, so it may use nothing but its parameters and the language itself.
 */

import type { installGlobals, WriteLog } from "./script_globals.ts";

/** What the guest asks of the host; texts are JSON. The answer is JSON, or undefined. */
export type HostCall = (
  what: "log" | "partial" | "metric" | "get" | "set" | "delete" | "http" | "url",
  json: string,
) => string | undefined;

/** What differs from call to call. */
export interface CallFacts {
  readonly id: string;
  readonly attempt: number;
  readonly deadline?: string | undefined;
  readonly actor: string;
}

/** What the guest says of something that was thrown. */
export interface Described {
  readonly type?: string;
  readonly message: string;
  readonly stack?: string;
}

/** What the host calls. */
export interface Prelude {
  /** Finds the handler. @returns undefined, or the names of what there is instead */
  start(exports: Record<string, unknown>, name: string): string | undefined;
  /** @returns JSON; undefined: no frame; or a promise of either */
  call(input: string, facts: string): string | undefined | Promise<string | undefined>;
  /** @returns JSON of {@linkcode Described} */
  describe(thrown: unknown): string;
}

/** Evaluated in the guest. */
export function prelude(
  ask: HostCall,
  settings: string,
  install: typeof installGlobals,
): Prelude {
  const { parse, stringify } = JSON;
  const MAX_MESSAGE = 4_096;
  const MAX_STACK = 8_192;
  type Handler = (payload: unknown, context: unknown) => unknown;
  let handler: Handler | undefined;

  const writeLog: WriteLog = (level, text) => void ask("log", stringify([level, text]));
  install(globalThis as unknown as Record<string, unknown>, writeLog);

  function toJson(value: unknown, what: string): string {
    let json: string | undefined;
    try {
      json = stringify(value);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new TypeError(`${what} cannot be written as JSON: ${error.message}`, { cause: error });
    }
    if (json !== undefined) return json;
    throw new TypeError(`${what} cannot be written as JSON: it is a ${typeof value}`);
  }

  function keyOf(key: unknown): string {
    if (typeof key === "string") return key;
    throw new TypeError(`a key of context.state is a string, not ${typeof key}`);
  }

  const state = Object.freeze({
    get(key: unknown): unknown {
      const json = ask("get", stringify(keyOf(key)));
      return json === undefined ? undefined : parse(json);
    },
    set(key: unknown, value: unknown): void {
      ask("set", stringify([keyOf(key), toJson(value, `the state of ${key}`)]));
    },
    delete(key: unknown): void {
      ask("delete", stringify(keyOf(key)));
    },
  });

  const shared = {
    config: Object.freeze(parse(settings)),
    state,
    partial: (value: unknown): void => void ask("partial", toJson(value, "the partial result")),
    metric(name: unknown, value: unknown, labels: Record<string, unknown> = {}): void {
      if (typeof value !== "number" || !Number.isFinite(value)) {
        throw new TypeError(`the value of metric ${name} is not a finite number`);
      }
      const entries = Object.entries(labels).map(([key, label]) => [key, String(label)]);
      ask("metric", stringify([String(name), value, Object.fromEntries(entries)]));
    },
    http(request: Record<string, unknown>): unknown {
      const { url, method = "GET", headers = {}, body } = Object(request);
      if (body !== undefined && typeof body !== "string") {
        throw new TypeError("the body of context.http() is a string; use JSON.stringify()");
      }
      const entries = Object.entries(headers).map(([key, value]) => [key, String(value)]);
      const reply = parse(
        ask(
          "http",
          stringify({
            method: String(method).toUpperCase(),
            url: String(url),
            headers: Object.fromEntries(entries),
            body,
          }),
        )!,
      );
      reply.json = () => parse(reply.body);
      return reply;
    },
  };

  function answer(result: unknown): string | undefined {
    if (result === undefined || result === null) return undefined;
    return toJson(result, "the result");
  }

  function isPromise(value: unknown): value is PromiseLike<unknown> {
    return typeof value === "object" && value !== null && "then" in value &&
      typeof value.then === "function";
  }

  /** The class's own name where it has not set `name`: `class NotReady extends Error {}`. */
  function typeOf(error: Error): string | undefined {
    const { constructor } = error;
    const named = Object.hasOwn(error, "name") ||
      Object.hasOwn(Object.getPrototypeOf(error) ?? {}, "name");
    const type = named ? error.name : constructor?.name;
    return typeof type === "string" && type !== "" ? type.slice(0, 256) : undefined;
  }

  /** Getters and proxies may throw, whatever is asked of them. */
  function attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch {
      return undefined;
    }
  }

  function messageOf(thrown: unknown): string {
    const { message } = Object(thrown);
    if (typeof message === "string") return message;
    return typeof thrown === "object" ? stringify(thrown) : String(thrown);
  }

  return {
    start(exports, name) {
      const found = [name, "default"].map((key) => exports[key])
        .find((value) => typeof value === "function");
      handler = found as Handler | undefined;
      if (handler) return undefined;
      return Object.keys(exports).slice(0, 20).join(", ") || "nothing";
    },
    call(input, facts) {
      const context = Object.assign(parse(facts), shared, { input });
      const result = handler!(parse(input), context);
      return isPromise(result) ? Promise.resolve(result).then(answer) : answer(result);
    },
    describe(thrown) {
      const type = attempt(() => thrown instanceof Error ? typeOf(thrown) : undefined);
      const message = attempt(() => messageOf(thrown)) ?? `a thrown ${typeof thrown}`;
      const stack = attempt(() => String(Object(thrown).stack ?? "").slice(0, MAX_STACK));
      return stringify({ type, message: String(message).slice(0, MAX_MESSAGE), stack });
    },
  };
}
