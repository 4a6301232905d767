/** The queues that actors take from: made and mended where the operator owns them, else looked at. */

import type { AsyncActor } from "@asya/manifest";
import type { Logger } from "@asya/telemetry";
import { type QueueAdmin, TransportUnavailable } from "@asya/transport";
import type { OperatorConfig } from "../config.ts";
import type { QueueSeen } from "../status/observed.ts";
import type { Admins } from "../transports/admins.ts";
import { SecretMissing } from "../transports/options.ts";
import { type QueueLook, QueueWatch, seen, type WatchedQueue } from "./queue_watch.ts";

/** What they are made with. */
export interface ActorQueuesOptions {
  readonly admins: Pick<Admins, "get">;
  readonly config: () => OperatorConfig;
  /** Of the operator's namespace: `name/key` to the value. */
  readonly secrets: () => ReadonlyMap<string, string>;
  /** An actor's queue is not what it was. */
  readonly changed: (key: string) => void;
  readonly log: Logger;
}

/** Between two looks while all is well, in ms. */
const LOOK_MS = 30_000;
/** Between two looks while a broker is away. */
const LOOK_SOON_MS = 5_000;

/** See the top of the file. */
export class ActorQueues {
  readonly #o: ActorQueuesOptions;
  readonly #watch: QueueWatch;
  /** Those of all actors that were reconciled. */
  readonly #watched = new Map<string, WatchedQueue>();
  /** Brokers that did not answer a moment ago: until when, and what was said. */
  readonly #away = new Map<string, { readonly until: number; readonly message: string }>();

  constructor(options: ActorQueuesOptions) {
    this.#o = options;
    this.#watch = new QueueWatch({
      queues: () => this.#watched.values(),
      admin: (transport) => this.admin(transport),
      changed: options.changed,
    });
  }

  /** The administration of a configured transport. @throws SecretMissing */
  async admin(transport: string): Promise<QueueAdmin> {
    return await this.#o.admins.get(transport, this.#o.config(), this.#o.secrets());
  }

  /** Looks at all of them. @returns after how many ms to do so again */
  async look(): Promise<number> {
    await this.#watch.look();
    const states = [...this.#watched.keys()].map((key) => this.#watch.state(key)?.state);
    return states.includes("failed") ? LOOK_SOON_MS : LOOK_MS;
  }

  /** Whether the operator makes and removes this actor's queue. */
  owns({ spec: { transport, queueName } }: AsyncActor): boolean {
    return queueName === undefined && this.#o.config().transports[transport]!.queues.autoCreate;
  }

  /** Makes sure of an actor's queue, as far as that is the operator's business. */
  async ensure(key: string, actor: AsyncActor): Promise<QueueSeen> {
    const { transport, queueName } = actor.spec;
    try {
      const admin = await this.admin(transport);
      const { name } = actor.metadata;
      const queue = queueName ?? admin.queueName(name);
      this.#follow({ key, transport, queue });
      const known = this.#watch.state(key);
      if (known?.state === "ready" || known?.state === "failed") return known;
      this.#checkAway(transport);
      if (this.owns(actor)) {
        await admin.ensure(name);
        if (known?.state === "missing") this.#o.log.info("queue made again", { actor: key, queue });
        return this.#know(key, { state: "ready" });
      }
      // one that was made a moment after this has been looked for is not led to yet
      const adopted = queueName === undefined || await admin.adopt(name, queueName);
      const depth = adopted ? (await admin.look([queue])).get(queue) : undefined;
      const state = this.#know(key, seen(depth));
      return state.state === "missing" ? notMade(queue, transport) : state;
    } catch (error) {
      return this.#know(key, this.#failed(transport, error));
    }
  }

  /** The actor is gone. */
  forget(key: string): void {
    this.#watched.delete(key);
    this.#watch.forget(key);
  }

  /** A queue that is another one by now has not been looked at. */
  #follow(queue: WatchedQueue): void {
    const before = this.#watched.get(queue.key);
    this.#watched.set(queue.key, queue);
    const same = before?.transport === queue.transport && before.queue === queue.queue;
    if (before !== undefined && !same) this.#watch.forget(queue.key);
  }

  #know<S extends QueueLook>(key: string, state: S): S {
    this.#watch.set(key, state);
    return state;
  }

  /** Not every actor waits for a broker that is away. @throws TransportUnavailable */
  #checkAway(transport: string): void {
    const away = this.#away.get(transport);
    if (away !== undefined && Date.now() < away.until) throw new TransportUnavailable(away.message);
  }

  #failed(transport: string, error: unknown): QueueSeen {
    if (!(error instanceof TransportUnavailable) && !(error instanceof SecretMissing)) throw error;
    const { message } = error;
    if (error.cause === undefined && !this.#isAway(transport)) {
      this.#away.set(transport, { until: Date.now() + LOOK_SOON_MS, message });
    }
    return { state: "failed", message: `transport "${transport}": ${message}` };
  }

  #isAway(transport: string): boolean {
    return Date.now() < (this.#away.get(transport)?.until ?? 0);
  }
}

function notMade(queue: string, transport: string): QueueSeen {
  return {
    state: "failed",
    message: `there is no queue "${queue}" at transport "${transport}", and it is not the ` +
      "operator's to make: create it, leave out spec.queueName, or set queues.autoCreate",
  };
}
