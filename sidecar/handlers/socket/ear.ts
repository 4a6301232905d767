/**
 * Hears how far a runtime is that is not ready: it listens before it loads its handler, and tells
 * whoever connects. Nothing else is asked of it, so whoever answers differently does no harm.
 */

import { HandlerGone, InvalidAnswer } from "../handler.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";

/** An import may hold every thread of an interpreter for a while. */
const SILENCE_MS = 60_000;

/** Listens to one runtime after the other until it is closed. */
export class Ear implements AsyncDisposable {
  #heard: string | undefined;
  #listening: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(
    private readonly options: Pick<
      ConnectionOptions,
      "path" | "actor" | "maxFrameBytes" | "signal"
    >,
  ) {}

  /** What the runtime that is there said last. */
  get heard(): string | undefined {
    return this.#heard;
  }

  /** Begins to listen, unless it does; what it hears is also told to `onHeard`. */
  listen(onHeard: (message: string) => void): void {
    if (this.#closing.signal.aborted) return;
    this.#listening ??= this.#listen(onHeard).finally(() => {
      this.#listening = undefined;
      this.#heard = undefined;
    });
  }

  /** Resolves when the connection is closed: a version 1 runtime serves no other one beside it. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#listening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listen(onHeard: (message: string) => void): Promise<void> {
    const signal = AbortSignal.any([this.options.signal, this.#closing.signal]);
    try {
      const connection = await Connection.open({
        ...this.options,
        signal,
        role: "control",
        silenceMs: SILENCE_MS,
        onLoading: (message) => onHeard(this.#heard = message),
        onEnd: () => {},
      });
      connection.close(); // it has loaded, and says so by its ready file
    } catch (error) {
      // Nobody is there, or it ended: the next look tries again.
      if (error instanceof HandlerGone || error instanceof InvalidAnswer || signal.aborted) return;
      throw error;
    }
  }
}
