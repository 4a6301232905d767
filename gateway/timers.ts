/** What happens without a request: time-outs, envelopes that still wait to be published. */

import type { Logger } from "@asya/telemetry";
import { timedOut } from "./envelopes/final.ts";
import type { Publisher } from "./publisher.ts";
import type { Store } from "./store/store.ts";

/** How late a time-out may be noticed, in milliseconds. */
const TICK_MS = 250;
/** Time-outs handled in one turn; the others follow in the next. */
const MAX_OVERDUE = 256;

/** What the timers look after. */
export interface TimersOptions {
  readonly store: Store;
  readonly publisher: Publisher;
  readonly log: Logger;
  readonly now: () => number;
  /** Anything else that wants to be looked at each turn. */
  readonly onTick: () => void;
}

/** Runs every {@linkcode TICK_MS}, never twice at a time. What is due is in the store, so that it survives restarts. */
export class Timers {
  readonly #o: TimersOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  #running: Promise<void> | undefined;
  /** The last turn failed, and somebody was told. */
  #failing = false;

  constructor(options: TimersOptions) {
    this.#o = options;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    this.tick();
  }

  /** One turn; the one that is running already, where there is one. */
  tick(): Promise<void> {
    return this.#running ??= this.#turn().finally(() => {
      this.#running = undefined;
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  async #turn(): Promise<void> {
    const { publisher, log, onTick } = this.#o;
    try {
      onTick();
      await this.#failOverdue();
      await publisher.sweep();
      if (this.#failing) log.info("looking for what is due works again");
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) log.error("looking for what is due failed, will be repeated", { error });
      this.#failing = true;
    }
  }

  async #failOverdue(): Promise<void> {
    const { store, log, now } = this.#o;
    const ids = await store.overdue(now(), MAX_OVERDUE);
    await Promise.all(ids.map(async (id) => {
      const outcome = await store.change(id, (record) => timedOut(record, now()));
      if (outcome?.changed) log.warn("envelope timed out", { id });
    }));
  }
}
