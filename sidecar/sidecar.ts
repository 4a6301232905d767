/**
 * One sidecar: takes envelopes off an actor's queue, has its handler work on them, sends on what
 * comes back. Any number of sidecars can live in one process; each owns nothing global.
 */

import type { Logger } from "@asya/telemetry";
import type { Queue } from "@asya/transport";
import { Finisher } from "./finish.ts";
import { Gateway } from "./gateway.ts";
import type { Handler } from "./handlers/handler.ts";
import { Metrics } from "./metrics.ts";
import { Observer } from "./observe.ts";
import { Prefetch } from "./prefetch.ts";
import { Pump } from "./pump.ts";
import { Reporter } from "./reporter.ts";
import { Settler } from "./settle.ts";
import type { SidecarSettings } from "./settings.ts";
import { Troubles } from "./troubles.ts";

/** A running call is reported at least this often, so that a cancel reaches it within 5 s. */
const QUIET_MS = 3_500;
const LOOK_MS = 1_000;

/** What a sidecar is made of. The caller opens and closes queue and handler. */
export interface SidecarOptions {
  /** The actor's settings; `transport` is also a label of its metrics. */
  readonly settings: SidecarSettings;
  /** The actor's own queue. */
  readonly queue: Queue;
  /** What works on the envelopes. */
  readonly handler: Handler;
  /** One line a failed envelope at `warn`, one a success at `debug`; no payloads. */
  readonly log: Logger;
  /** For calls to the gateway; default: the global one. */
  readonly fetch?: typeof fetch;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
}

/** A snapshot; the counts are since the start. */
export interface SidecarStats {
  /** Whether envelopes are being taken and can be settled. */
  readonly ready: boolean;
  /** Why not, in one sentence. */
  readonly trouble?: string;
  /** Handler calls running now. */
  readonly inFlight: number;
  /** Deliveries in hand, calls in flight included. */
  readonly unsettled: number;
  /** Deliveries taken off the queue. */
  readonly received: number;
  /** Envelopes sent on, or consumed by an end actor. */
  readonly succeeded: number;
  /** Envelopes sent to `error-end` or to the dead letters. */
  readonly failed: number;
  /** Attempts that were scheduled again. */
  readonly retried: number;
  /** Deliveries given back unhandled. */
  readonly released: number;
  /** Deliveries that the broker gave to somebody else before they were settled. */
  readonly lost: number;
}

/** A running sidecar. */
export interface Sidecar {
  /** How it is now. */
  stats(): SidecarStats;
  /** The metrics in the text format of Prometheus. */
  metricsText(): Promise<string>;
  /**
   * Stops pulling, releases what has not started, lets calls finish for up to `graceMs` (default
   * `ASYA_SHUTDOWN_GRACE`), releases the rest. Resolves or rejects as `done`. Safe to call twice.
   */
  drain(graceMs?: number): Promise<void>;
  /** Resolves after a drain; rejects when the sidecar cannot go on. */
  readonly done: Promise<void>;
}

/**
 * Starts pulling as soon as the handler is ready.
 *
 * @throws Error when `ASYA_CUSTOM_METRICS` declares a metric twice or under a name that is taken
 */
export function startSidecar(options: SidecarOptions): Sidecar {
  return new RunningSidecar(options);
}

class RunningSidecar implements Sidecar {
  readonly done: Promise<void>;
  readonly #stop = new AbortController();
  readonly #giveUp = new AbortController();
  readonly #troubles = new Troubles();
  readonly #metrics: Metrics;
  readonly #observer: Observer;
  readonly #reporter: Reporter | undefined;
  readonly #pump: Pump;
  #failure: Error | undefined;

  constructor(private readonly options: SidecarOptions) {
    const { settings, queue, handler, log, now = Date.now, random = Math.random } = options;
    const { actor, concurrency, gatewayUrl: url, meshTokenFile: tokenFile, endActor } = settings;
    const troubles = this.#troubles;
    const signal = this.#giveUp.signal;
    const metrics = this.#metrics = new Metrics({
      actor,
      transport: settings.transport,
      namespace: settings.metricsNamespace,
      custom: settings.customMetrics,
    });
    const gateway = url === undefined
      ? undefined
      : new Gateway({ url, tokenFile, fetch: options.fetch ?? fetch, log });
    const reporter = this.#reporter = gateway === undefined || endActor ? undefined : new Reporter({
      gateway,
      log,
      now,
      onDropped: (count) => metrics.reportsDropped(count),
      onCancelled: (ids) => this.#pump.cancel(ids),
    });
    const observer = this.#observer = new Observer(actor, metrics, reporter, log, endActor);
    const maxBytes = Math.min(settings.maxMessageBytes ?? Infinity, queue.maxMessageBytes);
    const common = { queue, rules: settings, metrics, troubles, log, now };
    const settler = new Settler({ ...common, maxBytes, signal });
    const finisher = new Finisher({
      settler,
      gateway,
      rules: settings,
      observer,
      troubles,
      signal,
    });
    const running = () => Math.min(handler.concurrency, concurrency);
    this.#pump = new Pump({
      ...common,
      handler,
      createQueue: settings.queueAutoCreate && settings.queueName === undefined,
      concurrency: running,
      readyWithinMs: settings.runtimeReadyTimeout,
      prefetch: new Prefetch(running, settings.prefetch),
      finisher,
      observer,
      random,
      stop: this.#stop.signal,
      giveUp: signal,
    });
    this.done = this.#run();
    this.done.catch(() => undefined); // whoever wants to know reads `done` or `drain()`
  }

  stats(): SidecarStats {
    const trouble = this.#trouble();
    return {
      ready: trouble === undefined,
      ...trouble === undefined ? {} : { trouble },
      inFlight: this.#pump.inFlight,
      unsettled: this.#pump.unsettled,
      ...this.#metrics.counts,
    };
  }

  async metricsText(): Promise<string> {
    this.#metrics.runtime(await this.options.handler.vitals?.());
    return await this.#metrics.text();
  }

  async drain(graceMs: number = this.options.settings.shutdownGrace): Promise<void> {
    this.#stop.abort();
    const timer = setTimeout(() => this.#giveUp.abort(), graceMs);
    try {
      await this.done;
    } finally {
      clearTimeout(timer);
    }
  }

  async #run(): Promise<void> {
    const look = this.#reporter && setInterval(() => this.#tellRunning(), LOOK_MS);
    try {
      await this.#pump.run();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.options.log.error("the sidecar cannot go on", { error });
      throw error;
    } finally {
      clearInterval(look);
      this.#giveUp.abort();
      await this.#reporter?.close();
    }
  }

  #tellRunning(): void {
    for (const input of this.#pump.quietSince(QUIET_MS)) this.#observer.processing(input);
  }

  #trouble(): string | undefined {
    if (this.#failure !== undefined) return `stopped: ${this.#failure.message}`;
    if (this.#stop.signal.aborted) return "draining";
    const { trouble } = this.options.handler;
    if (trouble !== undefined) return trouble;
    const { queue } = this.options;
    if (queue.trouble !== undefined) return queue.trouble;
    return this.#troubles.first ?? (this.#pump.pulling ? undefined : "waiting for the handler");
  }
}
