/** Waiting for a folder to change, without asking it all the time. */

import { basename } from "node:path";

/** Looked at this often all the same: the folder may not exist yet, or be one without events. */
const POLL_MS = 500;

/** Changes of named files in a folder. */
class FolderWatch {
  #watcher: Deno.FsWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(readonly dir: string, readonly names: readonly string[]) {}

  /** Begins to watch; without effect while there is no such folder. */
  open(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = Deno.watchFs(this.dir, { recursive: false });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    void this.#listen(this.#watcher);
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
    this.#watcher?.close();
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    for await (const event of watcher) {
      // Reading a file is an event too: it must not wake the reader.
      if (event.kind === "access") continue;
      if (!event.paths.some((path) => this.names.includes(basename(path)))) continue;
      this.#changed = true;
      this.#wake?.();
    }
  }
}

/**
 * Calls `look` now, at each change of one of `names` in `dir`, and every `pollMs`, until it
 * finds something.
 * @throws the reason of `signal` when that aborts; whatever `look` throws
 */
export async function untilFound<T>(
  dir: string,
  names: readonly string[],
  look: () => Promise<T | undefined>,
  signal: AbortSignal,
  pollMs: number = POLL_MS,
): Promise<T> {
  const watch = new FolderWatch(dir, names);
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
