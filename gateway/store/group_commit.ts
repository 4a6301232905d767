/**
 * Many small writes, one transaction: each commit waits for the disk, so what arrives within one
 * turn of the event loop shares it.
 */

import type { DatabaseSync } from "node:sqlite";
import { clearImmediate, setImmediate } from "node:timers";
import { StoreUnavailable } from "./store.ts";

interface Job {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes in one transaction; the rest goes into the next one. */
const MAX_JOBS = 256;
/** Pause while another process writes to the file, in milliseconds. */
const BUSY_PAUSE_MS = 5;
/** How often it is tried; with the connection's own wait some ten seconds. */
const BUSY_ATTEMPTS = 1_000;

/** SQLite's result code of an error, https://sqlite.org/rescode.html; `undefined` for others. */
function sqliteCode(error: unknown): number | undefined {
  const isOne = error instanceof Error && "errcode" in error && typeof error.errcode === "number";
  return isOne ? (error.errcode as number) & 0xff : undefined;
}

const SQLITE_BUSY = 5;

function prepare(db: DatabaseSync) {
  return {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    rollback: db.prepare("ROLLBACK"),
  };
}

/** Runs write jobs, in the order they came. */
export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;
  #jobs: Job[] = [];
  /** So many of the next jobs get a transaction of their own. */
  #alone = 0;
  #attempts = 0;
  #cancel: (() => void) | undefined;
  #closed = false;

  /** @param db waits for other writers for some milliseconds only, as that holds up everything */
  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepare(db);
  }

  /**
   * Runs `job` inside a transaction; resolves with its value once that is on disk. A job may run
   * more than once. One that throws leaves no trace and does not disturb the others.
   */
  run<T>(job: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreUnavailable("the store is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#jobs.push({ run: job, resolve: resolve as (value: unknown) => void, reject });
    this.#schedule(0);
    return promise;
  }

  #schedule(pauseMs: number): void {
    if (this.#cancel !== undefined) return;
    const flush = () => {
      this.#cancel = undefined;
      this.#flush();
    };
    if (pauseMs === 0) {
      const turn = setImmediate(flush);
      this.#cancel = () => clearImmediate(turn);
    } else {
      const timer = setTimeout(flush, pauseMs);
      this.#cancel = () => clearTimeout(timer);
    }
  }

  #flush(): void {
    const jobs = this.#jobs.splice(0, this.#alone > 0 ? 1 : MAX_JOBS);
    let pauseMs = 0;
    try {
      this.#sql.begin.run();
      const values = jobs.map((job) => job.run());
      this.#sql.commit.run();
      jobs.forEach((job, index) => job.resolve(values[index]));
      this.#done(jobs);
    } catch (cause) {
      if (this.#db.isTransaction) this.#sql.rollback.run();
      pauseMs = this.#failed(jobs, cause);
    }
    if (this.#jobs.length > 0) this.#schedule(pauseMs);
  }

  #done(jobs: readonly Job[]): void {
    this.#attempts = 0;
    this.#alone = Math.max(0, this.#alone - jobs.length);
  }

  /** Nothing of these jobs is stored. Returns how long to wait before the next flush, in ms. */
  #failed(jobs: readonly Job[], cause: unknown): number {
    const code = sqliteCode(cause);
    if (code === SQLITE_BUSY && ++this.#attempts < BUSY_ATTEMPTS) {
      this.#jobs.unshift(...jobs);
      return BUSY_PAUSE_MS;
    }
    if (code === undefined && jobs.length > 1) { // one of them threw: each alone tells which
      this.#jobs.unshift(...jobs);
      this.#alone = jobs.length;
      return 0;
    }
    this.#done(jobs);
    const error = code === undefined
      ? cause
      : new StoreUnavailable(`the store cannot write: ${String(cause)}`, { cause });
    for (const job of jobs) job.reject(error);
    return 0;
  }

  /** Runs what is waiting; refuses what comes later. */
  close(): void {
    this.#closed = true;
    while (this.#jobs.length > 0) {
      this.#cancel?.();
      this.#cancel = undefined;
      this.#attempts = BUSY_ATTEMPTS; // no later: now or not at all
      this.#flush();
    }
    this.#cancel?.();
  }
}
