/**
 * Keeps a store like the API server's own: list, then watch from there, for ever. The watch goes on
 * where the last one ended; when the server no longer remembers that (410) it lists again.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */

import type { Logger } from "@asya/telemetry";
import { Backoff } from "@asya/transport";
import type { KubeClient, Scope } from "./client.ts";
import { KubeError } from "./errors.ts";
import { readChunks, readLines } from "./lines.ts";
import type { KubeObject } from "./object.ts";
import { type Store, storeKey } from "./store.ts";

/** Bounds, in milliseconds; tests take smaller ones. */
export interface ReflectorTimes {
  /** After so long without a line, bookmarks included (one a minute), the watch is begun anew. */
  readonly silenceMs: number;
  /** The server ends a watch after so long. */
  readonly watchMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

const TIMES: ReflectorTimes = {
  silenceMs: 150_000,
  watchMs: 300_000,
  firstPauseMs: 200,
  longestPauseMs: 30_000,
};

const LONGEST_LINE = 16 * 1024 * 1024;

/** One line of a watch. */
interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject & { readonly code?: number; readonly message?: string };
}

/** One list and watch. */
export class Reflector {
  readonly #client: KubeClient;
  readonly #scope: Scope;
  readonly #store: Store;
  readonly #log: Logger;
  readonly #times: ReflectorTimes;
  readonly #synced = Promise.withResolvers<void>();
  #version: string | undefined;
  #trouble: string | undefined;

  constructor(
    client: KubeClient,
    scope: Scope,
    store: Store,
    log: Logger,
    times: Partial<ReflectorTimes> = {},
  ) {
    this.#client = client;
    this.#scope = scope;
    this.#store = store;
    this.#log = log;
    this.#times = { ...TIMES, ...times };
  }

  /** Resolves when the first list is complete. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** Why nothing new is known at present. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Goes on until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { firstPauseMs, longestPauseMs } = this.#times;
    const backoff = new Backoff(firstPauseMs, longestPauseMs);
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal);
        if (await this.#watch(signal)) backoff.reset();
        else await backoff.wait(signal); // ended at once, and would again
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KubeError && error.expired) this.#version = undefined;
        this.#tell(error);
        await backoff.wait(signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const present = new Set<string>();
    let version = "";
    for await (const page of this.#client.list(this.#scope, signal)) {
      version = page.resourceVersion;
      for (const item of page.items) {
        present.add(storeKey(item));
        this.#store.set(item);
      }
    }
    this.#store.retain(present, this.#scope.namespace);
    this.#version = version;
    this.#trouble = undefined;
    this.#synced.resolve();
  }

  /** One watch to its end; false: it brought nothing. */
  async #watch(signal: AbortSignal): Promise<boolean> {
    const { silenceMs, watchMs } = this.#times;
    const over = new AbortController();
    const end = () => over.abort();
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    let timer = setTimeout(end, silenceMs);
    let lines = 0;
    const began = performance.now();
    try {
      const seconds = Math.ceil(watchMs * (1 + Math.random()) / 1000); // not all at the same time
      const { signal: either } = over;
      const stream = await this.#client.watch(this.#scope, this.#version!, seconds, either);
      this.#trouble = undefined;
      for await (const line of readLines(readChunks(stream, either), LONGEST_LINE)) {
        clearTimeout(timer);
        timer = setTimeout(end, silenceMs);
        this.#take(JSON.parse(line) as WatchEvent);
        lines++;
      }
    } catch (error) {
      if (!over.signal.aborted || signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    }
    return lines > 0 || performance.now() - began > this.#times.firstPauseMs * 10;
  }

  #take({ type, object }: WatchEvent): void {
    if (type === "ERROR") {
      const { code = 500, message = "the watch failed" } = object;
      throw new KubeError(`watch ${this.#scope.resource.plural}`, code, "Watch", message);
    }
    this.#version = object.metadata.resourceVersion ?? this.#version;
    if (type === "DELETED") this.#store.delete(object);
    else if (type !== "BOOKMARK") this.#store.set(object);
  }

  #tell(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    const fields = { resource: this.#scope.resource.plural, error };
    if (error instanceof KubeError && error.expired) this.#log.debug("lists again", fields);
    else if (why !== this.#trouble) this.#log.warn("cannot follow the API server", fields);
    this.#trouble = why;
  }
}
