/**
 * Puts everything that waits into one transaction, so that a hundred sends cost one sync of the
 * disk. A commit holds up the event loop while it syncs; what arrives meanwhile is the next group.
 */

import { setImmediate } from "node:timers";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { TransportError, TransportUnavailable } from "../queue.ts";
import { Turn } from "./turn.ts";
import { isBusy, unavailable } from "./unavailable.ts";

/** A group takes no more steps than these, so that one transaction stays short. */
const GROUP_STEPS = 1000;
const GROUP_BYTES = 32 * 1024 * 1024;

/** A commit that more can join waits so many times as long as the one before took, within a bound. */
const GATHERING_FACTOR = 2;
const LONGEST_GATHERING_MS = 5;

/** Pauses while another process writes, in ms. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 20;

/** A part of a transaction. May run more than once, each time in a new transaction. */
export interface Step<T> {
  /** Whether the answer must wait for the disk; a lost claim, for one, is only a redelivery. */
  readonly durable: boolean;
  /** How much it writes, about. */
  readonly bytes: number;
  /** Throws a `TransportError` to fail alone, before it has written anything. */
  run(turn: Turn): T;
}

interface Waiting {
  readonly step: Step<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What happened so far. */
export interface CommitStats {
  /** Transactions committed. */
  readonly commits: number;
  /** Those of them that were synced to disk. */
  readonly syncs: number;
  /** Steps in them. */
  readonly steps: number;
}

interface Options {
  readonly path: string;
  /** How long to wait for another process's transaction before giving up. */
  readonly busyMs: number;
  /** Deliveries that this process holds: each may be settled soon, and then in the same commit. */
  readonly held: () => number;
  /** Runs at the end of every transaction: gives messages to those who have room for them. */
  readonly refill: (turn: Turn) => void;
  /** Is told when the refill failed and was left out. */
  readonly refillFailed: (error: unknown) => void;
}

/** What a step did, to be told once the transaction is committed. */
function outcome({ step, resolve, reject }: Waiting, turn: Turn): () => void {
  try {
    const value = step.run(turn);
    return () => resolve(value);
  } catch (error) {
    if (error instanceof TransportError) return () => reject(error);
    throw error;
  }
}

/** The one writer of a process to its database. */
export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #options: Options;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #stats = { commits: 0, syncs: 0, steps: 0 };
  #waiting: Waiting[] = [];
  #scheduled = false;
  #synced = true;
  #closed = false;
  /** Until then (`performance.now()`) steps are gathered if more may come. */
  #gatherUntil = 0;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #blockedSince: number | undefined;
  #pause = FIRST_PAUSE_MS;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(db: DatabaseSync, options: Options) {
    this.#db = db;
    this.#options = options;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
  }

  get stats(): CommitStats {
    return { ...this.#stats };
  }

  /** Resolves when the step's transaction is committed (and on disk, if the step is durable). */
  submit<T>(step: Step<T>): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closedError());
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ step, resolve: resolve as (value: unknown) => void, reject });
      this.poke();
    });
  }

  /** Asks for a transaction soon even if no step waits, for the refill. */
  poke(): void {
    if (this.#scheduled || this.#closed || this.#retry !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Lets nothing more in; what still waits is refused. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#gathering);
    this.#refuse(this.#closedError());
  }

  #closedError(): TransportUnavailable {
    return new TransportUnavailable(`the transport on ${this.#options.path} is closed`);
  }

  #refuse(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #take(): Waiting[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(this.#waiting.length, GROUP_STEPS); count++) {
      bytes += this.#waiting[count]!.step.bytes;
      if (bytes > GROUP_BYTES && count > 0) break;
    }
    return this.#waiting.splice(0, count);
  }

  /** A third of the time at most goes into commits while there is more to come: fewer, larger ones. */
  #gathers(): boolean {
    const left = this.#gatherUntil - performance.now();
    if (left <= 0 || this.#waiting.length >= this.#options.held()) return false;
    if (this.#waiting.length >= GROUP_STEPS) return false;
    this.#scheduled = true;
    if (left > 1) this.#gathering = setTimeout(() => this.#flush(), left);
    else setImmediate(() => this.#flush()); // a timer would take a whole millisecond
    return true;
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#closed || this.#gathers()) return;
    const began = performance.now();
    const group = this.#take();
    try {
      this.#transact(group, true);
    } catch (error) {
      if (isBusy(error)) return this.#wait(group, error);
      if (!this.#alone(group)) return;
    }
    const ended = performance.now();
    this.#gatherUntil = ended +
      Math.min(GATHERING_FACTOR * (ended - began), LONGEST_GATHERING_MS);
    if (this.#waiting.length > 0) this.poke();
  }

  #transact(group: readonly Waiting[], refill: boolean): void {
    const turn = new Turn();
    const durable = group.some(({ step }) => step.durable);
    if (durable !== this.#synced) {
      this.#db.exec(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
      this.#synced = durable;
    }
    this.#begin.run();
    this.#blockedSince = undefined;
    this.#pause = FIRST_PAUSE_MS;
    const outcomes: (() => void)[] = [];
    try {
      for (const waiting of group) outcomes.push(outcome(waiting, turn));
      if (refill) this.#options.refill(turn);
      this.#commit.run();
    } finally {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    }
    this.#stats.commits++;
    this.#stats.steps += group.length;
    if (durable) this.#stats.syncs++;
    turn.committed();
    for (const tell of outcomes) tell();
  }

  /** After a failed transaction: each step in its own, so that one does not fail the others. */
  #alone(group: readonly Waiting[]): boolean {
    for (const [i, waiting] of group.entries()) {
      try {
        this.#transact([waiting], false);
      } catch (error) {
        if (isBusy(error)) {
          this.#wait(group.slice(i), error);
          return false;
        }
        waiting.reject(unavailable(this.#options.path, error));
      }
    }
    try {
      this.#transact([], true);
    } catch (error) {
      this.#options.refillFailed(unavailable(this.#options.path, error));
    }
    return true;
  }

  /** Another process writes: try again shortly, but not for ever. */
  #wait(group: readonly Waiting[], error: unknown): void {
    this.#waiting.unshift(...group);
    const since = this.#blockedSince ??= performance.now();
    if (performance.now() - since > this.#options.busyMs) {
      this.#blockedSince = undefined;
      const final = unavailable(this.#options.path, error);
      this.#refuse(final);
      this.#options.refillFailed(final);
      return;
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.poke();
    }, this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }
}
