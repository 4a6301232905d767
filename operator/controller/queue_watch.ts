/**
 * Looks at the queues of all actors again and again, all of a transport together, and says which
 * actors' queues are not what they were.
 */

import type { Depth, QueueAdmin } from "@asya/transport";
import type { QueueSeen } from "../status/observed.ts";

/** An actor's queue. */
export interface WatchedQueue {
  /** `namespace/name` of the actor. */
  readonly key: string;
  readonly transport: string;
  /** The queue's name at the broker. */
  readonly queue: string;
}

/** What a look finds; `missing` is to be mended or told of. */
export type QueueLook = QueueSeen | { readonly state: "missing" };

/**
 * What is known. `found` is there after it was not, or was not to be seen: somebody else may have made
 * it, so it is to be made sure of.
 */
export type QueueState = QueueLook | { readonly state: "found" };

/** What the watch needs. */
export interface QueueWatchOptions {
  readonly queues: () => Iterable<WatchedQueue>;
  /** @throws TransportUnavailable, SecretMissing */
  readonly admin: (transport: string) => Promise<QueueAdmin>;
  /** The actor's queue is not what it was. */
  readonly changed: (key: string) => void;
}

/** The states of all queues that have been looked at. */
export class QueueWatch {
  readonly #o: QueueWatchOptions;
  readonly #states = new Map<string, QueueState>();

  constructor(options: QueueWatchOptions) {
    this.#o = options;
  }

  /** What is known of an actor's queue; undefined: it has not been looked at. */
  state(key: string): QueueState | undefined {
    return this.#states.get(key);
  }

  /** What somebody else found out. */
  set(key: string, state: QueueState): void {
    this.#states.set(key, state);
  }

  /** The actor is gone, or its queue another one. */
  forget(key: string): void {
    this.#states.delete(key);
  }

  /** One look at all of them. */
  async look(): Promise<void> {
    const queues = [...this.#o.queues()];
    const byTransport = Map.groupBy(queues, ({ transport }) => transport);
    await Promise.all(
      [...byTransport].map(([transport, some]) => this.#lookAt(transport, some)),
    );
  }

  async #lookAt(transport: string, queues: readonly WatchedQueue[]): Promise<void> {
    let found: ReadonlyMap<string, Depth | undefined>;
    try {
      const admin = await this.#o.admin(transport);
      found = await admin.look([...new Set(queues.map(({ queue }) => queue))]);
    } catch (error) {
      const message = `transport "${transport}": ${messageOf(error)}`;
      for (const { key } of queues) this.#take(key, { state: "failed", message });
      return;
    }
    for (const { key, queue } of queues) this.#take(key, seen(found.get(queue)));
  }

  #take(key: string, look: QueueLook): void {
    const before = this.#states.get(key);
    const isBack = look.state === "ready" && before?.state !== "ready";
    const now = isBack ? { state: "found" } as const : look;
    this.#states.set(key, now);
    if (before === undefined || differs(before, now)) this.#o.changed(key);
  }
}

/** A count as status has it. */
export function seen(depth: Depth | undefined): QueueLook {
  if (depth === undefined) return { state: "missing" };
  const { ready, delayed = 0, inFlight } = depth;
  const queued = ready + delayed;
  return { state: "ready", queued, ...inFlight === undefined ? {} : { processing: inFlight } };
}

/** Whether two looks differ by more than a few messages. */
export function differs(before: QueueState, now: QueueState): boolean {
  if (before.state !== now.state) return true;
  if (before.state === "failed" && now.state === "failed") return before.message !== now.message;
  if (before.state !== "ready" || now.state !== "ready") return false;
  return changedMuch(before.queued, now.queued) || changedMuch(before.processing, now.processing);
}

/** More than a tenth of the larger one, or to or from none. */
export function changedMuch(before: number | undefined, now: number | undefined): boolean {
  if (before === now) return false;
  if (before === undefined || now === undefined) return true;
  return Math.abs(before - now) > Math.max(before, now) / 10;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
