/**
 * Wakes the consumers of other processes: a file per queue, touched when the queue has something,
 * watched by everyone who receives. A missed bell costs a second, never a message.
 */

import { join } from "node:path";
import type { Logger } from "@asya/telemetry";

/** A queue's bell is rung at most once in this time; a ring within it comes at its end. */
const QUIET_MS = 5;

const PREFIX = "bell-";

/** The bells in one folder. */
export class Bells {
  readonly #folder: string;
  readonly #log: Logger;
  /** Bells rung lately; true: ring again when the quiet time is over. */
  readonly #rung = new Map<number, { again: boolean; timer: ReturnType<typeof setTimeout> }>();
  #watcher: Deno.FsWatcher | undefined;
  #closed = false;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  ring(queue: number): void {
    const lately = this.#rung.get(queue);
    if (this.#closed) return;
    if (lately !== undefined) {
      lately.again = true;
      return;
    }
    this.#touch(join(this.#folder, PREFIX + queue));
    const timer = setTimeout(() => {
      const again = this.#rung.get(queue)?.again === true;
      this.#rung.delete(queue);
      if (again) this.ring(queue);
    }, QUIET_MS);
    this.#rung.set(queue, { again: false, timer });
  }

  #touch(path: string): void {
    try {
      const now = new Date();
      Deno.utimeSync(path, now, now);
    } catch {
      // There is no such file yet (creating it rings, too), or the folder is in trouble: say so.
      try {
        Deno.openSync(path, { create: true, write: true, mode: 0o600 }).close();
      } catch (error) {
        this.#log.warn("cannot wake other processes at once, they look each second", { error });
      }
    }
  }

  /** Calls `heard` with the queue of every bell from now on. Later calls change nothing. */
  listen(heard: (queue: number) => void): void {
    if (this.#watcher !== undefined || this.#closed) return;
    try {
      this.#watcher = Deno.watchFs(this.#folder, { recursive: false });
      void this.#follow(this.#watcher, heard);
    } catch (error) {
      this.#log.warn("cannot watch for messages of other processes, looking each second", {
        folder: this.#folder,
        error,
      });
    }
  }

  async #follow(watcher: Deno.FsWatcher, heard: (queue: number) => void): Promise<void> {
    try {
      for await (const event of watcher) {
        for (const path of event.paths) {
          const number = path.slice(path.lastIndexOf("/") + 1);
          if (number.startsWith(PREFIX)) heard(Number(number.slice(PREFIX.length)));
        }
      }
    } catch (error) {
      if (!this.#closed) this.#log.warn("watching for messages ended", { error });
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { timer } of this.#rung.values()) clearTimeout(timer);
    this.#watcher?.close();
  }
}
