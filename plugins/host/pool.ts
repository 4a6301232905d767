/**
 * Hands calls to workers. A worker has one hand-over at a time; while all are busy calls wait here
 * and then go over together, as many as fit into a few milliseconds of work, because one message
 * to a worker costs several times a small call.
 */

import {
  type Plugin,
  type PluginCall,
  PluginError,
  type PluginErrorPlace,
  type PluginOptions,
} from "../plugin.ts";
import type { AllowedHosts } from "./allowed_hosts.ts";
import { pause } from "../pause.ts";
import { Breaker } from "./breaker.ts";
import type { GuestCode } from "./guest.ts";
import { newHostMemory } from "./host_memory.ts";
import { HostSide } from "./host_side.ts";
import { WorkerLine } from "./line.ts";
import type { CallRequest, PlainError, ResultsAnswer } from "./protocol.ts";
import type { ActorState } from "./state.ts";

/** Most calls in one hand-over. */
const MAX_BATCH = 16;

/** A hand-over holds calls for about this long, in milliseconds. */
const BATCH_MS = 2;

/** Weight of the newest call in the running mean of durations. */
const SMOOTHING = 0.1;

/** What a worker may take beyond its calls' own limits, in milliseconds. */
const GRACE_MS = 2_000;

/** What a worker may take to come up, in milliseconds; the engine may have to be downloaded. */
const START_MS = 60_000;

/** Body of one reply of HTTP, in bytes. */
const MAX_REPLY_BYTES = 16 * 1024 * 1024;

/** A worker that hangs cannot be stopped and burns a core: after so many, no more are started. */
const MAX_HUNG = 3;

/** A checked module, and what its guests may reach. */
export interface Prepared extends Omit<PluginOptions, "module" | "stateBytes"> {
  readonly code: GuestCode;
  /** SHA-256 of the module as it was given, in hex. */
  readonly hash: string;
  readonly allowed: AllowedHosts;
  readonly state: ActorState;
}

/** How to run a pool. */
export interface PoolOptions extends Prepared {
  /** The workers' script. */
  readonly script: URL;
  /** {@linkcode GRACE_MS}, shorter in tests. */
  readonly graceMs?: number;
}

/** A call that is not over yet. */
interface Pending {
  readonly call: PluginCall;
  readonly limitMs: number;
  /** It was with others on a worker that died: the next time it goes alone. */
  suspect: boolean;
  settled: boolean;
  /** Ends what the host does for it; set while it runs. */
  stop?: () => void;
  resolve(output: Uint8Array): void;
  reject(error: PluginError): void;
}

/** A worker and the calls that it has. */
interface Slot {
  readonly line: WorkerLine;
  readonly host: HostSide;
  readonly running: Map<number, Pending>;
  ready: boolean;
  watchdog?: ReturnType<typeof setTimeout> | undefined;
}

/** Workers that run one module. */
export class Pool implements Plugin {
  readonly #options: PoolOptions;
  readonly #breaker = new Breaker();
  readonly #slots = new Set<Slot>();
  readonly #closingHosts = new Set<Promise<void>>();
  readonly #queue: Pending[] = [];
  #nextId = 0;
  #meanMs = BATCH_MS;
  #hung = 0;
  #closing = false;
  #idle = Promise.withResolvers<void>();
  /** Why there will be no more calls. */
  #ended: string | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get hash(): string {
    return this.#options.hash;
  }

  get trouble(): string | undefined {
    return this.#ended ?? this.#breaker.trouble;
  }

  get concurrency(): number {
    return 2 * this.#options.workers * this.#batchSize;
  }

  get #batchSize(): number {
    return Math.max(1, Math.min(MAX_BATCH, Math.round(BATCH_MS / this.#meanMs)));
  }

  /** Starts all workers; rejects when the module cannot be used. */
  async start(): Promise<void> {
    const started = Array.from({ length: this.#options.workers }, () => this.#startWorker());
    try {
      await Promise.all(started);
    } catch (error) {
      await Promise.allSettled(started);
      await this.close();
      throw error;
    }
  }

  async ready(signal: AbortSignal): Promise<void> {
    while (this.#ended === undefined && !this.#closing && this.#breaker.pauseMs > 0) {
      if (!await pause(this.#breaker.pauseMs, signal)) throw signal.reason;
    }
    if (this.#closing) throw this.#error("closed", "the plugin is closed");
    if (this.#ended !== undefined) throw this.#error("closed", this.#ended);
  }

  call(call: PluginCall): Promise<Uint8Array> {
    if (this.#closing) return Promise.reject(this.#error("closed", "the plugin is closed"));
    const { trouble } = this;
    if (trouble !== undefined) return Promise.reject(this.#error("closed", trouble));
    if (call.signal?.aborted) return Promise.reject(this.#cancelled(call.signal));
    return new Promise((resolve, reject) => {
      const { timeoutMs } = this.#options.limits;
      const cancel = () => {
        pending.stop?.();
        pending.reject(this.#cancelled(call.signal));
      };
      const settle = (act: () => void) => {
        if (pending.settled) return;
        pending.settled = true;
        call.signal?.removeEventListener("abort", cancel);
        act();
      };
      const pending: Pending = {
        call,
        limitMs: Math.min(timeoutMs, call.limitMs ?? timeoutMs),
        suspect: false,
        settled: false,
        resolve: (output) => settle(() => resolve(output)),
        reject: (error) => settle(() => reject(error)),
      };
      call.signal?.addEventListener("abort", cancel);
      this.#queue.push(pending);
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#rejectQueue("closed", "the plugin is closed");
    this.#endIdle();
    await this.#idle.promise;
    await Promise.all(this.#closingHosts);
  }

  #endIdle(): void {
    for (const slot of this.#slots) if (slot.running.size === 0) this.#end(slot);
    if (this.#slots.size === 0) this.#idle.resolve();
  }

  #end(slot: Slot): void {
    clearTimeout(slot.watchdog);
    const closing = slot.host.close().finally(() => this.#closingHosts.delete(closing));
    this.#closingHosts.add(closing);
    slot.line.close();
    this.#slots.delete(slot);
  }

  #rejectQueue(code: "closed", message: string): void {
    for (const pending of this.#queue.splice(0)) pending.reject(this.#error(code, message));
  }

  #startWorker(): Promise<void> {
    const { code, functionName, config, limits, script, graceMs = GRACE_MS } = this.#options;
    const worker = new Worker(script, { type: "module", deno: { permissions: "none" } });
    const shared = newHostMemory(Math.max(MAX_REPLY_BYTES, this.#options.state.maxBytes));
    const line = new WorkerLine(worker, (answer) => {
      if (answer.kind === "results") return this.#onResults(slot, answer);
      if (answer.kind === "host") {
        return slot.host.receive(answer, {
          partial: (body) => slot.running.get(answer.call)?.call.onPartial?.(body),
        });
      }
      if (answer.kind === "failed") return fail(answer.error);
      clearTimeout(slot.watchdog);
      slot.ready = true;
      loaded.resolve();
      this.#dispatch();
    });
    const slot: Slot = { line, host: this.#hostSide(shared), running: new Map(), ready: false };
    this.#slots.add(slot);
    const loaded = Promise.withResolvers<void>();
    const fail = (error: PlainError) => {
      this.#end(slot);
      loaded.reject(this.#error(error.code, error.message, error));
    };
    slot.watchdog = setTimeout(
      () => fail({ code: "timeout", message: "the worker did not start in time" }),
      limits.startMs + START_MS + graceMs,
    );
    worker.onerror = (event) => {
      event.preventDefault();
      if (!slot.ready) return fail({ code: "trap", message: `the worker died: ${event.message}` });
      this.#onLost(slot, "trap", `the worker died: ${event.message}`);
    };
    line.load({ kind: "load", code, functionName, config, limits, shared });
    return loaded.promise;
  }

  #hostSide(shared: SharedArrayBuffer): HostSide {
    const { allowed, state, limits: { timeoutMs } } = this.#options;
    return new HostSide(shared, { allowed, state, timeoutMs, maxReplyBytes: MAX_REPLY_BYTES });
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (!slot.ready || slot.running.size > 0) continue;
      const batch = this.#takeBatch();
      if (batch.length === 0) return;
      this.#handOver(slot, batch);
    }
  }

  /** Fair shares of what waits, so that one worker does not take all while another is free. */
  #takeBatch(): Pending[] {
    const share = Math.ceil(this.#queue.length / this.#options.workers);
    const size = Math.min(this.#batchSize, Math.max(1, share));
    const batch: Pending[] = [];
    while (batch.length < size && this.#queue.length > 0) {
      if (this.#queue[0]!.suspect && batch.length > 0) break;
      const pending = this.#queue.shift()!;
      if (pending.settled) continue;
      batch.push(pending);
      if (pending.suspect) break;
    }
    return batch;
  }

  #handOver(slot: Slot, batch: readonly Pending[]): void {
    const calls: CallRequest[] = batch.map((pending) => {
      const { call: { context }, limitMs } = pending;
      const id = this.#nextId++;
      slot.running.set(id, pending);
      pending.stop = () => slot.host.end(id);
      return { id, context, limitMs };
    });
    this.#watch(slot);
    slot.line.handOver({ kind: "calls", calls, bodies: batch.map(({ call }) => call.input) });
  }

  /** Between two signs of life are at most a fresh instance and the calls of one hand-over. */
  #watch(slot: Slot): void {
    clearTimeout(slot.watchdog);
    const { limits: { startMs }, graceMs = GRACE_MS } = this.#options;
    let limitMs = startMs + graceMs;
    for (const pending of slot.running.values()) limitMs += pending.limitMs;
    slot.watchdog = setTimeout(() => this.#onHung(slot), limitMs);
  }

  #onResults(slot: Slot, { results, bodies, idle }: ResultsAnswer): void {
    for (const [n, { id, error, log, metrics, ms }] of results.entries()) {
      slot.host.end(id);
      this.#meanMs += (ms - this.#meanMs) * SMOOTHING;
      for (const { level, message } of log) this.#options.log?.(level, message);
      const pending = slot.running.get(id);
      slot.running.delete(id);
      for (const metric of metrics) pending?.call.onMetric?.(metric);
      if (error === undefined) {
        this.#breaker.passed();
        pending?.resolve(bodies[n]!);
      } else {
        this.#breaker.failed(error);
        pending?.reject(this.#error(error.code, error.message, error));
      }
    }
    if (!idle) return this.#watch(slot);
    clearTimeout(slot.watchdog);
    if (this.#closing) this.#endIdle();
    else this.#dispatch();
  }

  #onHung(slot: Slot): void {
    this.#hung++;
    this.#onLost(slot, "timeout", "the worker did not answer; it was given up");
  }

  /** Blames the call that ran alone; others are tried again, each alone. */
  #onLost(slot: Slot, code: "trap" | "timeout", message: string): void {
    this.#end(slot);
    const lost = [...slot.running.values()];
    if (lost.length === 1) lost[0]!.reject(this.#error(code, message));
    else this.#queue.unshift(...lost.map((pending) => Object.assign(pending, { suspect: true })));
    if (this.#closing) {
      this.#rejectQueue("closed", "the plugin is closed");
      this.#endIdle();
    } else if (this.#hung >= MAX_HUNG) {
      this.#giveUp(`${this.#hung} workers hang; the process must be restarted`);
    } else {
      this.#startWorker().catch((error) => this.#giveUp(`no worker can be started: ${error}`));
    }
  }

  #giveUp(trouble: string): void {
    this.#ended = trouble;
    if (this.#slots.size === 0) this.#rejectQueue("closed", trouble);
  }

  #cancelled(signal: AbortSignal | undefined): PluginError {
    return this.#error("cancelled", "the call was cancelled", { cause: signal?.reason });
  }

  #error(
    code: PluginError["code"],
    message: string,
    more: ErrorOptions & PluginErrorPlace = {},
  ): PluginError {
    const { hash, functionName } = this.#options;
    const { cause, type, guestStack } = more;
    return new PluginError(code, message, {
      cause,
      type,
      guestStack,
      module: hash,
      functionName,
    });
  }
}
