/** Hears what other gateways write, on one connection of its own. */

import type { Logger } from "@asya/telemetry";
import type { DatabaseAddress } from "./address.ts";
import { type Client, createClient } from "./client.ts";
import { within } from "./database.ts";

/** How often the connection is asked for a sign of life, and how long it may take, in ms. */
const HEARTBEAT_MS = 5_000;
const ANSWER_MS = 5_000;
/** Pause before the next attempt, in milliseconds. */
const RETRY_MS = 250;

/** What is done with what is heard. */
export interface ListenerOptions {
  readonly channel: string;
  readonly log: Logger;
  /** A notification's payload. */
  readonly heard: (payload: string) => void;
  /** From now on everything is heard; what came before may have been missed. */
  readonly listening: () => void;
}

/** Listens until it is closed, whatever happens to the connection. */
export class Listener {
  readonly #address: DatabaseAddress;
  readonly #o: ListenerOptions;
  readonly #stop = Promise.withResolvers<void>();
  readonly #first = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(address: DatabaseAddress, options: ListenerOptions) {
    this.#address = address;
    this.#o = options;
    this.#running = this.#run();
  }

  /** Resolves when it listens, or the first attempt has failed. */
  get tried(): Promise<void> {
    return this.#first.promise;
  }

  async #run(): Promise<void> {
    let deaf = false;
    while (!this.#stopped) {
      try {
        await this.#listen(() => {
          if (deaf) this.#o.log.info("updates of other gateways are heard again");
          deaf = false;
        });
      } catch (error) {
        if (!deaf) this.#o.log.warn("updates of other gateways are not heard", { error });
        deaf = true;
      }
      this.#first.resolve();
      await this.#pause(RETRY_MS);
    }
  }

  /** Returns when it is stopped or the connection is lost. */
  async #listen(hears: () => void): Promise<void> {
    const { channel, heard, listening } = this.#o;
    const lost = Promise.withResolvers<void>();
    let client: Client | undefined;
    try {
      client = await createClient(this.#address, {
        connections: 1,
        statementMs: ANSWER_MS,
        onNotice: (_channel, payload) => heard(payload),
        onClose: lost.resolve,
      });
      const ask = (statement: string) => within(ANSWER_MS, client!.sql.unsafe(statement));
      await ask(`LISTEN ${channel}`);
      hears();
      listening();
      this.#first.resolve();
      while (await this.#pause(HEARTBEAT_MS, lost.promise)) await ask("SELECT 1");
    } finally {
      await client?.end();
    }
    if (!this.#stopped) throw new Error("the connection was lost");
  }

  /** False when it was cut short. */
  async #pause(ms: number, ...ends: Promise<void>[]): Promise<boolean> {
    const over = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => over.resolve(true), ms);
    const cut = [this.#stop.promise, ...ends].map((end) => end.then(() => false));
    const whole = await Promise.race([over.promise, ...cut]);
    clearTimeout(timer);
    return whole;
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.#stop.resolve();
    await this.#running;
  }
}
