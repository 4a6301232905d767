/** Takes part in the election of a leader, and keeps the lease as long as it leads. */

import type { Logger } from "@asya/telemetry";
import { pause } from "@asya/transport";
import type { KubeClient } from "../kube/client.ts";
import { KubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { RESOURCES } from "../kube/resources.ts";
import {
  DEADLINE_MS,
  type LeaseSpec,
  nextStep,
  released,
  RETRY_MS,
  type Sighting,
} from "./lease.ts";

/** Another leads now, or nobody knows. */
export class LeadershipLost extends Error {
  /** The class's name. */
  override readonly name = "LeadershipLost";
  /** For programs. */
  readonly code = "leadership_lost";
}

/** What is elected, and who takes part. */
export interface ElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Unique among those who take part. */
  readonly identity: string;
  readonly log: Logger;
}

/** One candidate. */
export class Election {
  readonly #o: ElectionOptions;
  #lease: KubeObject | undefined;
  #sighting: Sighting | undefined;
  #leading = false;

  constructor(options: ElectionOptions) {
    this.#o = options;
  }

  /** Whether this candidate leads. */
  get leading(): boolean {
    return this.#leading;
  }

  /** Waits until this candidate leads; false: `signal` aborted first. */
  async win(signal: AbortSignal): Promise<boolean> {
    const { identity, log, name } = this.#o;
    let told: string | undefined;
    while (!signal.aborted) {
      let ms = RETRY_MS;
      try {
        await this.#look();
        const step = nextStep(identity, this.#sighting, performance.now(), new Date());
        if (step.do === "write" && await this.#write(step.spec)) {
          this.#leading = true;
          log.info("leads", { lease: name });
          return true;
        }
        if (step.do === "wait") ms = step.ms;
        const holder = this.#sighting?.spec.holderIdentity;
        if (holder !== told) log.info("another leads; waiting", { leader: holder });
        told = holder;
      } catch (error) {
        log.warn("cannot take part in the election", { lease: name, error });
      }
      await pause(ms, signal);
    }
    return false;
  }

  /**
   * Keeps the lease until `signal` aborts, then lets go of it.
   * @throws LeadershipLost when it cannot be kept
   */
  async keep(signal: AbortSignal): Promise<void> {
    const { identity } = this.#o;
    let renewedAt = performance.now();
    while (await pause(RETRY_MS, signal)) {
      try {
        const held = this.#sighting!.spec;
        const step = nextStep(identity, { spec: held, sinceMs: 0 }, 0, new Date());
        if (step.do === "write" && await this.#within(this.#write(step.spec), renewedAt)) {
          renewedAt = performance.now();
          continue;
        }
        await this.#within(this.#look(), renewedAt);
        const holder = this.#sighting?.spec.holderIdentity;
        if (holder !== undefined && holder !== identity) this.#lost(`"${holder}" leads now`);
      } catch (error) {
        if (error instanceof LeadershipLost) throw error;
        this.#o.log.warn("the lease was not renewed", { error });
      }
      if (performance.now() - renewedAt > DEADLINE_MS) this.#lost("the lease could not be renewed");
    }
    await this.#release();
  }

  #lost(why: string): never {
    this.#leading = false;
    throw new LeadershipLost(why);
  }

  /** A request must not take longer than the leadership. */
  async #within<T>(request: Promise<T>, renewedAt: number): Promise<T> {
    const left = Math.max(DEADLINE_MS - (performance.now() - renewedAt), 0);
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#leading = false;
      reject(new LeadershipLost("the API server does not answer in time"));
    }, left);
    try {
      return await Promise.race([request, promise]);
    } finally {
      clearTimeout(timer);
      request.catch(() => undefined); // too late to matter
    }
  }

  async #look(): Promise<void> {
    const { client, namespace, name } = this.#o;
    this.#lease = await client.get(RESOURCES.leases, { namespace, name });
    this.#see();
  }

  /** False: somebody else was faster. */
  async #write(spec: LeaseSpec): Promise<boolean> {
    const { client, namespace, name } = this.#o;
    const { apiVersion, kind } = RESOURCES.leases;
    try {
      this.#lease = this.#lease === undefined
        ? await client.create({ apiVersion, kind, metadata: { name, namespace }, spec })
        : await client.replace({ ...this.#lease, spec });
      this.#see();
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.status === 409) return false;
      throw error;
    }
  }

  #see(): void {
    const spec = this.#lease?.spec as LeaseSpec | undefined;
    if (spec === undefined) this.#sighting = undefined;
    else if (JSON.stringify(spec) !== JSON.stringify(this.#sighting?.spec)) {
      this.#sighting = { spec, sinceMs: performance.now() };
    }
  }

  async #release(): Promise<void> {
    this.#leading = false;
    try {
      await this.#write(released(this.#sighting!.spec));
    } catch (error) {
      this.#o.log.warn("the lease was not released; it ends by itself", { error });
    }
  }
}
