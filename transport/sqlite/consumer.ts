/**
 * One `receive()`: asks for as many messages as it has room for, and keeps them until they are
 * taken out one by one.
 */

import { HELD_BYTES } from "../limits.ts";
import type { Delivery } from "../queue.ts";
import { HeldDelivery } from "./delivery.ts";
import type { Engine } from "./engine.ts";
import type { Claimed } from "./store.ts";

/** How often the queue is looked at although no bell rang. */
const LOOK_MS = 1000;

/** How often a full consumer asks whether its prefetch was raised. */
const FULL_MS = 50;

/** Claims messages of one queue and hands them out. */
export class Consumer {
  /** The queue's number. */
  readonly queue: number;
  readonly unsettled = new Set<HeldDelivery>();
  readonly #engine: Engine;
  readonly #prefetch: () => number;
  #buffer: HeldDelivery[] = [];
  #arrived: (() => void) | undefined;
  #open = true;
  #stopping: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  constructor(engine: Engine, queue: number, prefetch: () => number) {
    this.#engine = engine;
    this.queue = queue;
    this.#prefetch = prefetch;
  }

  /** Whether it has stopped and nothing is left to settle. */
  get finished(): boolean {
    return !this.#open && this.unsettled.size === 0;
  }

  /** How much can be claimed once it is rid of `freed`. */
  room(freed?: ReadonlySet<HeldDelivery>): { count: number; bytes: number } {
    let held = 0;
    let bytes = HELD_BYTES;
    for (const delivery of this.unsettled) {
      if (freed?.has(delivery)) continue;
      held++;
      bytes -= delivery.body.length;
    }
    if (!this.#open || bytes <= 0) return { count: 0, bytes };
    return { count: Math.max(0, Math.floor(this.#prefetch()) - held), bytes };
  }

  /** Takes what was claimed for it; `nextDue` says when a delayed message will be ready. */
  accept(claimed: readonly Claimed[], nextDue: number | undefined): void {
    for (const message of claimed) {
      const delivery = new HeldDelivery(this.#engine, this, message);
      this.unsettled.add(delivery);
      this.#buffer.push(delivery);
    }
    if (claimed.length > 0) this.#tellArrived();
    this.#lookIn((nextDue ?? Infinity) - this.#engine.now());
  }

  /** Looks whether there is something to claim, without writing. */
  look(): void {
    if (!this.#open) return;
    if (this.room().count === 0) return this.#lookIn(FULL_MS);
    const due = this.#engine.nextDue(this.queue);
    const wait = (due ?? Infinity) - this.#engine.now();
    if (wait <= 0) this.#engine.wake(this);
    this.#lookIn(wait <= 0 ? LOOK_MS : wait);
  }

  async *deliveries(signal: AbortSignal): AsyncGenerator<Delivery, void, void> {
    const stop = () => void this.stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      this.look();
      while (true) {
        const next = this.#buffer.shift();
        if (next !== undefined) yield next;
        else if (this.#open) await new Promise<void>((resolve) => this.#arrived = resolve);
        else return;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      await this.stop();
    }
  }

  /** Claims no more and gives back what nobody took out. What was taken out can be settled. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#tellArrived();
    this.#engine.remove(this);
    await this.#engine.giveBack(this.#buffer.splice(0));
  }

  /** Stops, and gives back everything that is not settled. */
  async close(): Promise<void> {
    await this.stop();
    await this.#engine.giveBack([...this.unsettled]);
  }

  #tellArrived(): void {
    this.#arrived?.();
    this.#arrived = undefined;
  }

  /** Looks again after `ms` at the latest; keeps an earlier appointment. */
  #lookIn(ms: number): void {
    if (!this.#open) return;
    const wait = Math.max(0, Math.min(ms, this.room().count === 0 ? FULL_MS : LOOK_MS));
    const at = performance.now() + wait;
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.look();
    }, wait);
  }
}
