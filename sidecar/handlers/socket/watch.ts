/** Waiting for a folder to change, without asking it all the time. */

import { basename } from "node:path";
import type { Logger } from "@asya/telemetry";

/** Looked at this often all the same: the folder may not exist yet, or be one without events. */
const POLL_MS = 500;

/** What to look at, and how long. */
export interface WatchOptions {
  /** It may not exist yet. */
  readonly dir: string;
  /** Of files in it. */
  readonly names: readonly string[];
  readonly signal: AbortSignal;
  /** Told when the folder cannot be watched. */
  readonly log: Logger;
  /** Default: 500. */
  readonly pollMs?: number;
}

/** Changes of named files in a folder. */
class FolderWatch {
  #watcher: Deno.FsWatcher | undefined;
  /** There are no events to be had; or nobody wants them any more. */
  #without = false;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(private readonly o: WatchOptions) {}

  /** Begins to watch; without effect while there is no such folder. */
  open(): void {
    if (this.#watcher !== undefined || this.#without) return;
    try {
      this.#watcher = Deno.watchFs(this.o.dir, { recursive: false });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#goWithout(error);
      return;
    }
    this.#listen(this.#watcher).catch((error) => this.#goWithout(error));
  }

  /** Resolves at the next change since the last one that was told, or after `pollMs`. */
  async change(pollMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#changed && !signal.aborted) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      const timer = setTimeout(woken.resolve, pollMs);
      signal.addEventListener("abort", this.#wake);
      await woken.promise;
      signal.removeEventListener("abort", this.#wake);
      clearTimeout(timer);
    }
    this.#changed = false;
  }

  close(): void {
    this.#without = true;
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Looking at it now and then has to do, e.g. where the machine's watches are used up. */
  #goWithout(error: unknown): void {
    if (this.#without) return;
    this.close();
    this.o.log.warn("cannot watch a folder; looks at it now and then", { dir: this.o.dir, error });
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    for await (const event of watcher) {
      // Reading a file is an event too: it must not wake the reader.
      if (event.kind === "access") continue;
      if (!event.paths.some((path) => this.o.names.includes(basename(path)))) continue;
      this.#changed = true;
      this.#wake?.();
    }
  }
}

/**
 * Calls `look` now, at each change of one of the names, and every `pollMs`, until it finds
 * something.
 * @throws the reason of `signal` when that aborts; whatever `look` throws
 */
export async function untilFound<T>(
  look: () => Promise<T | undefined>,
  options: WatchOptions,
): Promise<T> {
  const { signal, pollMs = POLL_MS } = options;
  const watch = new FolderWatch(options);
  try {
    for (;;) {
      signal.throwIfAborted();
      watch.open();
      const found = await look();
      if (found !== undefined) return found;
      await watch.change(pollMs, signal);
    }
  } finally {
    watch.close();
  }
}
