/**
 * `URL` and `URLSearchParams` for a script that names them. The guest keeps the values; what reads
 * and writes them is the platform's own, which the host asks.
 */

import { PluginError } from "../plugin.ts";
import type { HostCall } from "./script_prelude.ts";

/** Parts of a URL that a script may read, and all but the first also write. */
const PARTS = [
  "origin",
  "href",
  "protocol",
  "username",
  "password",
  "host",
  "hostname",
  "port",
  "pathname",
  "search",
  "hash",
] as const;

/** What the guest asks for; the answer is {@linkcode UrlParts}, `Pair[]`, or a text. */
export type UrlQuestion =
  | readonly ["parse", url: string, base: string | null]
  | readonly ["set", url: string, part: string, value: string]
  | readonly ["read", query: string]
  | readonly ["write", pairs: readonly Pair[]];

type UrlParts = Record<typeof PARTS[number], string>;
type Pair = [name: string, value: string];

function partsOf(url: URL): UrlParts {
  return Object.fromEntries(PARTS.map((part) => [part, url[part]])) as UrlParts;
}

function isPart(part: unknown): part is Exclude<typeof PARTS[number], "origin"> {
  return part !== "origin" && (PARTS as readonly unknown[]).includes(part);
}

/**
 * The host's answer, as JSON; undefined: that is no URL.
 *
 * @throws PluginError `guest_error` where the question is none
 */
export function answerUrl(json: string): string | undefined {
  const [what, text, more, value]: unknown[] = JSON.parse(json);
  if (what === "write" && Array.isArray(text)) {
    return JSON.stringify(
      new URLSearchParams(text.map(([a, b]) => [String(a), String(b)])).toString(),
    );
  }
  if (what === "read") return JSON.stringify([...new URLSearchParams(String(text))]);
  const base = what === "parse" && more !== null ? String(more) : undefined;
  const url = URL.parse(String(text), base);
  if (url === null) return undefined;
  if (what === "set" && isPart(more)) url[more] = String(value);
  else if (what !== "parse") {
    throw new PluginError("guest_error", "the script changed built-ins that host calls need");
  }
  return JSON.stringify(partsOf(url));
}

/** Whether a script needs them. */
export function needsUrls(script: string): boolean {
  return /\bURL(?:SearchParams)?\b/.test(script);
}

/** Evaluated in the guest: it may use nothing but its parameters and the language itself. */
export function installUrls(global: Record<string, unknown>, ask: HostCall): void {
  const { parse, stringify } = JSON;
  const names = "href protocol username password host hostname port pathname search hash".split(
    " ",
  );

  function asked(...question: UrlQuestion): unknown {
    const answer = ask("url", stringify(question));
    return answer === undefined ? undefined : parse(answer);
  }

  function pairsOf(init: unknown): Pair[] {
    if (init === undefined || init === null) return [];
    if (typeof init !== "object") return asked("read", String(init)) as Pair[];
    if (!(Symbol.iterator in init)) {
      return Object.entries(init).map(([name, value]) => [name, String(value)]);
    }
    return [...init as Iterable<Iterable<unknown>>].map((entry) => {
      const pair = [...entry].map(String);
      if (pair.length !== 2) throw new TypeError("each entry has to be a name and a value");
      return pair as Pair;
    });
  }

  class Params {
    #pairs: Pair[];
    readonly #changed: (text: string) => void;

    constructor(init?: unknown, changed: (text: string) => void = () => {}) {
      this.#pairs = pairsOf(init);
      this.#changed = changed;
    }

    #change(pairs: Pair[]): void {
      this.#pairs = pairs;
      this.#changed(this.toString());
    }

    get size(): number {
      return this.#pairs.length;
    }

    append(name: unknown, value: unknown): void {
      this.#change([...this.#pairs, [String(name), String(value)]]);
    }

    delete(name: unknown, value?: unknown): void {
      this.#change(
        this.#pairs.filter(([key, one]) =>
          key !== String(name) || value !== undefined && one !== String(value)
        ),
      );
    }

    get(name: unknown): string | null {
      return this.#pairs.find(([key]) => key === String(name))?.[1] ?? null;
    }

    getAll(name: unknown): string[] {
      return this.#pairs.filter(([key]) => key === String(name)).map(([, value]) => value);
    }

    has(name: unknown, value?: unknown): boolean {
      return this.#pairs.some(([key, one]) =>
        key === String(name) && (value === undefined || one === String(value))
      );
    }

    set(name: unknown, value: unknown): void {
      const key = String(name);
      const first = this.#pairs.findIndex(([one]) => one === key);
      if (first < 0) return this.append(key, value);
      const pairs = this.#pairs.filter(([one], at) => one !== key || at === first);
      pairs[first] = [key, String(value)];
      this.#change(pairs);
    }

    sort(): void {
      this.#change([...this.#pairs].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
    }

    forEach(run: (value: string, name: string, params: Params) => void, that?: unknown): void {
      for (const [name, value] of this) run.call(that, value, name, this);
    }

    *keys(): Generator<string> {
      for (const [name] of this) yield name;
    }

    *values(): Generator<string> {
      for (const [, value] of this) yield value;
    }

    *entries(): Generator<Pair> {
      for (let at = 0; at < this.#pairs.length; at++) yield [...this.#pairs[at]!];
    }

    [Symbol.iterator](): Generator<Pair> {
      return this.entries();
    }

    toString(): string {
      return asked("write", this.#pairs) as string;
    }
  }

  class Url {
    #parts: UrlParts;
    #params: Params | undefined;

    constructor(url: unknown, base?: unknown) {
      const parts = asked("parse", String(url), base === undefined ? null : String(base));
      if (parts === undefined) throw new TypeError(`Invalid URL: ${stringify(String(url))}`);
      this.#parts = parts as UrlParts;
    }

    static canParse(url: unknown, base?: unknown): boolean {
      return Url.parse(url, base) !== null;
    }

    static parse(url: unknown, base?: unknown): Url | null {
      try {
        return new Url(url, base);
      } catch (error) {
        if (error instanceof TypeError) return null;
        throw error;
      }
    }

    static part(url: Url, name: string): string {
      return url.#parts[name as keyof UrlParts];
    }

    static setPart(url: Url, name: string, value: string): void {
      const parts = asked("set", name === "href" ? value : url.#parts.href, name, value);
      if (parts === undefined) throw new TypeError(`Invalid URL: ${stringify(value)}`);
      url.#parts = parts as UrlParts;
      if (name === "href" || name === "search") url.#params = undefined;
    }

    get origin(): string {
      return this.#parts.origin;
    }

    get searchParams(): Params {
      const changed = (search: string) => {
        this.#parts = asked("set", this.#parts.href, "search", search) as UrlParts;
      };
      return this.#params ??= new Params(this.#parts.search, changed);
    }

    toString(): string {
      return this.#parts.href;
    }

    toJSON(): string {
      return this.#parts.href;
    }
  }

  const { part, setPart } = Url;
  Reflect.deleteProperty(Url, "part");
  Reflect.deleteProperty(Url, "setPart");
  for (const name of names) {
    Object.defineProperty(Url.prototype, name, {
      configurable: true,
      enumerable: true,
      get(this: Url) {
        return part(this, name);
      },
      set(this: Url, value: unknown) {
        setPart(this, name, String(value));
      },
    });
  }
  for (const [name, value] of [["URL", Url], ["URLSearchParams", Params]] as const) {
    Object.defineProperty(value, "name", { value: name });
    Object.defineProperty(global, name, { value, configurable: true, writable: true });
  }
}
