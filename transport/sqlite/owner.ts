/**
 * Who holds claims, and whether they still live. Each owner keeps a file locked, so that others
 * see at once when its process is gone; the lease catches a process that hangs, or a file system
 * without locks.
 */

import { join } from "node:path";
import type { Logger } from "@asya/telemetry";
import { TransportUnavailable } from "../queue.ts";
import type { GroupCommit } from "./group_commit.ts";
import type { Store } from "./store.ts";
import type { Turn } from "./turn.ts";

/** Owners are looked at this often, or three times a lease if that is shorter. */
const LOOK_MS = 1000;

function lockPath(folder: string, owner: number): string {
  return join(folder, `owner-${owner}`);
}

/** Whether the process behind an owner has ended. False where that cannot be told. */
function isGone(folder: string, owner: number): boolean {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(lockPath(folder, owner), { read: true, write: true });
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
  try {
    return file.tryLockSync(true);
  } catch {
    return false; // no locks on this file system: the lease decides
  } finally {
    file.close();
  }
}

interface Options {
  readonly store: Store;
  readonly commits: GroupCommit;
  readonly folder: string;
  readonly leaseMs: number;
  readonly now: () => number;
  readonly log: Logger;
}

/** This process among the owners. */
export class Owner {
  /** Random, never used again, so that a file or row left behind cannot be mistaken. */
  readonly id = Number(crypto.getRandomValues(new BigUint64Array(1))[0]! >> 12n);
  readonly #o: Options;
  readonly #lookMs: number;
  #file: Deno.FsFile | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #token = 0;
  #renewed = 0;
  #looked = 0;
  #judgesFrom = 0;

  constructor(options: Options) {
    this.#o = options;
    this.#lookMs = Math.max(10, Math.min(LOOK_MS, options.leaseMs / 3));
  }

  /** Becomes an owner; at once takes over what dead ones left. Later calls change nothing. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#lock();
    this.#looked = this.#o.now();
    this.#timer = setInterval(() => this.#look(), this.#lookMs);
    this.#look();
  }

  /** Tells one claim of this owner from another. */
  nextToken(): number {
    return ++this.#token;
  }

  /** Extends the lease, if it is time to, within a transaction that claims. */
  renew(turn: Turn): void {
    const now = this.#o.now();
    if (now - this.#renewed < this.#o.leaseMs / 3) return;
    this.#o.store.lease(this.id, now + this.#o.leaseMs);
    turn.whenCommitted(() => this.#renewed = now);
  }

  /** Stops looking and lets go of the lock: whatever is still claimed is free for others. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#file === undefined) return;
    this.#file.close();
    this.#file = undefined;
    this.#removeLock(this.id);
  }

  #lock(): void {
    this.#file?.close();
    this.#file = undefined;
    const path = lockPath(this.#o.folder, this.id);
    try {
      this.#file = Deno.openSync(path, { create: true, write: true, mode: 0o600 });
    } catch (cause) {
      throw new TransportUnavailable(`${path} cannot be created: ${cause}; receiving needs it`, {
        cause,
      });
    }
    try {
      this.#file.lockSync(true);
    } catch (error) {
      this.#o.log.warn("no file locks here: messages of a killed process return after the lease", {
        leaseMs: this.#o.leaseMs,
        error,
      });
    }
  }

  #removeLock(owner: number): void {
    try {
      Deno.removeSync(lockPath(this.#o.folder, owner));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#o.log.warn("a lock file stays behind", { owner, error });
    }
  }

  #look(): void {
    const { store, now, leaseMs, log } = this.#o;
    const time = now();
    // Whoever slept (a laptop's lid, a stopped process) finds all leases over: let others wake too.
    if (time - this.#looked > leaseMs / 2) this.#judgesFrom = time + leaseMs;
    this.#looked = time;
    try {
      if (this.#renewed > 0 && store.leaseOf(this.id) === 0) {
        log.warn("held for dead: the messages in flight here were given to others");
        this.#renewed = 0;
        this.#lock();
      }
      for (const other of store.otherOwners(this.id)) {
        const gone = isGone(this.#o.folder, other.id);
        const expired = time >= this.#judgesFrom && other.leaseUntil < time;
        if (gone || expired) this.#takeOver(other.id, gone ? Infinity : time);
      }
    } catch (error) {
      log.warn("cannot look after other processes' messages now", { error });
    }
    if (time - this.#renewed >= leaseMs / 3) {
      this.#submit("lease not extended", (turn) => this.renew(turn));
    }
  }

  /** Makes ready what an owner holds, unless it has renewed its lease beyond `until`. */
  #takeOver(owner: number, until: number): void {
    this.#submit("messages not taken over", (turn) => {
      if (this.#o.store.leaseOf(owner) >= until) return;
      const { queues, messages } = this.#o.store.dismiss(owner);
      for (const queue of queues) turn.woken.add(queue);
      turn.whenCommitted(() => {
        if (until === Infinity) this.#removeLock(owner);
        if (messages > 0) this.#o.log.info("took over from a dead process", { owner, messages });
      });
    });
  }

  #submit(complaint: string, run: (turn: Turn) => void): void {
    this.#o.commits.submit({ durable: false, bytes: 0, run }).catch((error) => {
      if (this.#file !== undefined) this.#o.log.warn(complaint, { error });
    });
  }
}
