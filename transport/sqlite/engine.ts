/**
 * What the queues of one process share: the file, its one writer, the consumers to be served, and
 * the ways to notice what other processes did.
 */

import type { DatabaseSync } from "node:sqlite";
import type { Logger } from "@asya/telemetry";
import { QueueMissing } from "../queue.ts";
import { Bells } from "./bells.ts";
import { Consumer } from "./consumer.ts";
import type { HeldDelivery } from "./delivery.ts";
import { wakeFolder } from "./file.ts";
import { GroupCommit } from "./group_commit.ts";
import { Owner } from "./owner.ts";
import { Store } from "./store.ts";
import type { Turn } from "./turn.ts";
import { unavailable } from "./unavailable.ts";

/** When to try again to give back what could not be given back, in ms. */
const AGAIN_MS = 500;

/** What an {@linkcode Engine} needs to know. */
export interface EngineOptions {
  /** The database file, for messages and for the folder beside it. */
  readonly path: string;
  readonly log: Logger;
  /** After this many ms without a sign of life a process loses its deliveries. */
  readonly leaseMs: number;
  /** How long a call waits while another process writes, in ms. */
  readonly busyMs: number;
  /** The time in ms since 1970. */
  readonly now: () => number;
  readonly maxMessageBytes: number;
  /** The queue that an actor's messages wait in. */
  readonly queueName: (actor: string) => string;
}

/** One open file in one process. */
export class Engine {
  readonly options: EngineOptions;
  readonly store: Store;
  readonly commits: GroupCommit;
  readonly now: () => number;
  readonly #db: DatabaseSync;
  readonly #bells: Bells;
  readonly #owner: Owner;
  readonly #consumers = new Map<number, Set<Consumer>>();
  /** Consumers for which there may be something. */
  readonly #hungry = new Set<Consumer>();
  /** Deliveries that could not be given back yet. */
  #leftOver: HeldDelivery[] = [];
  #again: ReturnType<typeof setTimeout> | undefined;
  #inTrouble = false;
  #closing: Promise<void> | undefined;

  /** Takes charge of `db` and closes it in the end. */
  constructor(db: DatabaseSync, options: EngineOptions) {
    const { path, log, busyMs, leaseMs, now } = options;
    const folder = wakeFolder(path);
    this.options = options;
    this.now = now;
    this.#db = db;
    this.store = new Store(db);
    this.commits = new GroupCommit(db, {
      path,
      busyMs,
      held: () => this.#held(),
      refill: (turn) => this.#refill(turn),
      refillFailed: (error) => this.#trouble(error),
    });
    this.#bells = new Bells(folder, log);
    this.#owner = new Owner({
      store: this.store,
      commits: this.commits,
      folder,
      leaseMs,
      now,
      log,
    });
  }

  /** Whether `close` was called: nothing is held any more. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** A reading call, its errors made understandable. */
  read<T>(query: () => T): T {
    try {
      return query();
    } catch (error) {
      throw unavailable(this.options.path, error);
    }
  }

  /** The number of an actor's queue. @throws QueueMissing */
  queueOf(actor: string): number {
    const id = this.read(() => this.store.queueId(this.options.queueName(actor)));
    if (id === undefined) throw new QueueMissing(actor);
    return id;
  }

  /** Starts to receive from an actor's queue. @throws QueueMissing */
  consume(actor: string, prefetch: () => number): Consumer {
    const consumer = new Consumer(this, this.queueOf(actor), prefetch);
    this.read(() => this.#owner.start());
    this.#bells.listen((queue) => this.#consumers.get(queue)?.forEach((c) => c.look()));
    const others = this.#consumers.get(consumer.queue);
    if (others === undefined) this.#consumers.set(consumer.queue, new Set([consumer]));
    else others.add(consumer);
    return consumer;
  }

  /** Serves a consumer no more. */
  remove(consumer: Consumer): void {
    this.#consumers.get(consumer.queue)?.delete(consumer);
    this.#hungry.delete(consumer);
  }

  /** Serves a consumer in the next transaction. */
  wake(consumer: Consumer): void {
    this.#hungry.add(consumer);
    this.commits.poke();
  }

  /** When the next message of a queue is due; unknown while the file is in trouble. */
  nextDue(queue: number): number | undefined {
    try {
      return this.read(() => this.store.nextDue(queue));
    } catch (error) {
      this.#trouble(error);
      return undefined;
    }
  }

  /** Makes deliveries ready again: now, or when the file can be written again. */
  async giveBack(deliveries: readonly HeldDelivery[]): Promise<void> {
    if (deliveries.length === 0 || this.closed) return;
    try {
      await this.commits.submit({
        durable: false,
        bytes: 0,
        run: (turn) => {
          for (const delivery of deliveries) {
            if (this.store.giveBack(delivery.claim)) turn.woken.add(delivery.queue);
            delivery.settled(turn);
          }
        },
      });
    } catch (error) {
      if (this.closed) return;
      this.#trouble(error);
      this.#leftOver.push(...deliveries);
      this.#again ??= setTimeout(() => {
        this.#again = undefined;
        void this.giveBack(this.#leftOver.splice(0));
      }, AGAIN_MS);
    }
  }

  /** Gives everything back and lets go of the file. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    clearTimeout(this.#again);
    const all = [...this.#consumers.values()].flatMap((set) => [...set]);
    await Promise.all(all.map((consumer) => consumer.stop()));
    try {
      await this.commits.submit({
        durable: false,
        bytes: 0,
        run: (turn) => this.store.dismiss(this.#owner.id).queues.forEach((q) => turn.woken.add(q)),
      });
    } catch (error) {
      this.options.log.warn("messages in flight return when the next process looks", { error });
    }
    this.commits.close();
    this.#bells.close();
    this.#owner.close();
    this.#db.close();
  }

  #held(): number {
    let held = 0;
    for (const set of this.#consumers.values()) for (const one of set) held += one.unsettled.size;
    return held;
  }

  /** The end of every transaction: who has room gets what is ready. */
  #refill(turn: Turn): void {
    const due = new Set([...this.#hungry, ...turn.freed.keys()]);
    for (const queue of turn.woken) this.#consumers.get(queue)?.forEach((c) => due.add(c));
    turn.whenCommitted(() => this.#hungry.clear());
    const now = this.now();
    let served = 0;
    for (const consumer of due) served += this.#serve(turn, consumer, now);
    turn.whenCommitted(() => {
      if (this.#inTrouble && served + turn.woken.size + turn.freed.size > 0) {
        this.#inTrouble = false;
        this.options.log.info("the queue file works again");
      }
    });
    if (turn.woken.size > 0 && this.store.hasOtherOwner(this.#owner.id)) {
      turn.whenCommitted(() => turn.woken.forEach((queue) => this.#bells.ring(queue)));
    }
  }

  /** Gives a consumer what it has room for; answers how many that are. */
  #serve(turn: Turn, consumer: Consumer, now: number): number {
    const room = consumer.room(turn.freed.get(consumer));
    if (room.count === 0) return 0;
    const nextDue = this.store.promote(consumer.queue, now);
    const owner = this.#owner;
    const claimed = this.store.claim(consumer.queue, room, owner.id, owner.nextToken());
    if (claimed.length > 0) owner.renew(turn);
    turn.whenCommitted(() => consumer.accept(claimed, nextDue));
    return claimed.length;
  }

  #trouble(error: unknown): void {
    if (!this.#inTrouble) this.options.log.error("no messages for now", { error });
    this.#inTrouble = true;
  }
}
