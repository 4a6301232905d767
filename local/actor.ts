/**
 * One actor of the folder while `dev` runs: a sidecar, its handler, and what happens when its
 * plan or its code changes. A change drains first: what is in flight is finished, the rest waits
 * on the queue for the next sidecar.
 */

import type { Sidecar, SidecarStats } from "@asya/sidecar";
import type { Queue } from "@asya/transport";
import type { RunningHandler } from "./handler.ts";
import { Rate } from "./rate.ts";
import type { ActorPhase, ActorState } from "./table.ts";

/** Everything of one life of an actor, from a start to the next change. */
export interface Parts {
  readonly handler: RunningHandler;
  readonly queue: Queue;
  /** Starts the sidecar over the two. */
  readonly start: () => Sidecar;
  /** Milliseconds that a drain may take. */
  readonly graceMs: number;
}

/** A next life, ready to begin once the one before has ended. */
export interface Prepared {
  begin(): Promise<Parts>;
  /** Instead of `begin`, when it is not wanted any more. */
  discard(): Promise<void>;
}

interface Life {
  readonly parts: Parts;
  readonly sidecar: Sidecar;
}

type Counts = Pick<SidecarStats, "succeeded" | "failed" | "retried">;

const NOTHING: Counts = { succeeded: 0, failed: 0, retried: 0 };

function sum(a: Counts, b: Counts): Counts {
  return {
    succeeded: a.succeeded + b.succeeded,
    failed: a.failed + b.failed,
    retried: a.retried + b.retried,
  };
}

/** A sidecar that cannot go on is started again after this time. */
const SIDECAR_DELAY_MS = 1_000;

/** An actor under supervision. Changes happen one after another, in the order they were asked for. */
export class LocalActor {
  #life: Life | undefined;
  #draining = false;
  #before: Counts = NOTHING;
  #trouble: string | undefined;
  #work: Promise<void> = Promise.resolve();
  #retry: ReturnType<typeof setTimeout> | undefined;
  #ended = false;
  readonly #rate = new Rate();

  constructor(
    readonly name: string,
    readonly kind: ActorState["kind"],
    /** Throws when no next life is possible now: the one before goes on. */
    private readonly prepare: () => Promise<Prepared>,
    private readonly say: (line: string) => void,
  ) {}

  /** Drains what runs, then starts anew. Never rejects: trouble is said and shown. */
  restart(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#ended) return;
      const next = await this.prepare();
      try {
        await this.#end();
      } catch (error) {
        await next.discard();
        throw error;
      }
      await (this.#ended ? next.discard() : this.#begin(next));
    });
  }

  /** Drains and ends; the queue keeps what it holds. */
  stop(): Promise<void> {
    this.#ended = true;
    return this.#enqueue(() => this.#end());
  }

  state(now: number): ActorState {
    const stats = this.#life?.sidecar.stats();
    const { succeeded, failed, retried } = stats ? sum(this.#before, stats) : this.#before;
    const process = this.#life?.parts.handler.process;
    const phase = this.#phase(stats);
    const trouble = phase === "ready"
      ? undefined
      : this.#trouble ?? process?.trouble ?? stats?.trouble;
    const pid = process?.pid;
    return {
      name: this.name,
      kind: this.kind,
      phase,
      ...trouble === undefined ? {} : { trouble },
      inFlight: stats?.inFlight ?? 0,
      done: succeeded,
      failed,
      retried,
      rate: this.#rate.of(succeeded, now),
      ...pid === undefined ? {} : { pid },
      starts: process?.starts ?? 0,
    };
  }

  #phase(stats: SidecarStats | undefined): ActorPhase {
    if (this.#draining) return "draining";
    if (this.#trouble !== undefined) return "crashed";
    if (!stats) return this.#ended ? "stopped" : "waiting";
    if (this.#life?.parts.handler.process?.state === "crashed") return "crashed";
    return stats.ready ? "ready" : "waiting";
  }

  #enqueue(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      // A life that goes on is no worse off for a next one that is not possible.
      if (this.#life && this.#trouble === undefined) {
        return this.say(`not reloaded, the old one goes on: ${message}`);
      }
      if (this.#trouble !== message) this.say(message);
      this.#trouble = message;
      if (this.#life) this.#startLater();
    });
    return this.#work;
  }

  async #begin(next: Prepared): Promise<void> {
    this.#trouble = undefined;
    const parts = await next.begin();
    const life = { parts, sidecar: parts.start() };
    this.#life = life;
    life.sidecar.done.catch((error: unknown) => this.#broken(life, error));
  }

  async #end(): Promise<void> {
    clearTimeout(this.#retry);
    const life = this.#life;
    if (!life) return;
    const { parts, sidecar } = life;
    this.#draining = true;
    try {
      // One that breaks has ended all the same, and why is said already.
      await sidecar.drain(parts.graceMs).catch(() => undefined);
    } finally {
      this.#before = sum(this.#before, sidecar.stats());
      this.#life = undefined;
      await parts.handler.close(PROCESS_GRACE_MS);
      await parts.queue.close();
      this.#draining = false;
    }
  }

  #broken(life: Life, error: unknown): void {
    if (this.#life !== life) return;
    const message = error instanceof Error ? error.message : String(error);
    this.say(`the sidecar stopped: ${message}${this.#draining ? "" : "; starting again"}`);
    if (this.#draining) return;
    this.#trouble = message;
    this.#startLater();
  }

  #startLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.restart(), SIDECAR_DELAY_MS);
  }
}

/** A drained handler has nothing left to do; its process may close files and connections. */
const PROCESS_GRACE_MS = 2_000;
