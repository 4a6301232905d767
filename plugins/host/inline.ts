/**
 * A plugin in the thread of the service itself: no hand-over, so a fast call is several times
 * faster. A call that uses up its time stops everything else for as long, which is why only short
 * limits are allowed; and it cannot wait, so it has no HTTP.
 */

import { nextTick } from "node:process";
import { setImmediate } from "node:timers";
import {
  type Plugin,
  type PluginCall,
  PluginError,
  type PluginErrorPlace,
  type PluginMetric,
} from "../plugin.ts";
import { pause } from "../pause.ts";
import { Breaker } from "./breaker.ts";
import { CallBudget } from "./call_budget.ts";
import type { Prepared } from "./pool.ts";
import { type CallHost, Runner } from "./runner.ts";
import type { ActorState } from "./state.ts";

/** The longest limit of a call: the service's heartbeats and health checks wait for it. */
export const LONGEST_INLINE_MS = 100;

/** The longest start of an instance, of which a call that fails costs one. */
const LONGEST_INLINE_START_MS = 1_000;

/** Calls worth having at once: they share a watchdog, which costs as much as a small call. */
const CONCURRENCY = 16;

/** After so long everything else in the process has its turn, in milliseconds. */
const TURN_MS = 2;

/** A call that waits. */
interface Waiting {
  readonly call: PluginCall;
  resolve(output: Uint8Array): void;
  reject(error: PluginError): void;
}

/** One instance in this thread. */
export class InlinePlugin implements Plugin {
  readonly concurrency = CONCURRENCY;
  readonly #breaker = new Breaker();
  readonly #runner: Runner;
  readonly #waiting: Waiting[] = [];
  #closed = false;
  #working: Promise<void> | undefined;
  /** Calls have run for so long in this turn of the event loop, which ends with `#turn`. */
  #ranMs = 0;
  #turn: Promise<void> | undefined;

  private constructor(private readonly options: Prepared) {
    const { limits } = options;
    const startMs = Math.min(limits.startMs, LONGEST_INLINE_START_MS);
    this.#runner = new Runner({ ...options, limits: { ...limits, startMs } });
  }

  /** @throws PluginError when the plugin may not run here, or its start-up code fails */
  static async start(options: Prepared): Promise<InlinePlugin> {
    const { limits: { timeoutMs }, allowedHosts } = options;
    if (timeoutMs > LONGEST_INLINE_MS) {
      const message = `level inline takes a time-out of at most ${LONGEST_INLINE_MS} ms, not ` +
        `${timeoutMs} ms; set a shorter one or use level worker`;
      throw new PluginError("denied", message);
    }
    if (allowedHosts.length > 0) {
      throw new PluginError("denied", "level inline has no HTTP; use level worker");
    }
    const plugin = new InlinePlugin(options);
    await plugin.#runner.prepare();
    return plugin;
  }

  get hash(): string {
    return this.options.hash;
  }

  get trouble(): string | undefined {
    return this.#breaker.trouble;
  }

  async ready(signal: AbortSignal): Promise<void> {
    while (!this.#closed && this.#breaker.pauseMs > 0) {
      if (!await pause(this.#breaker.pauseMs, signal)) throw signal.reason;
    }
    if (this.#closed) throw this.#error("closed", "the plugin is closed");
  }

  call(call: PluginCall): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
    this.#runner.discard();
  }

  /** Until nothing waits. What is called in one go runs together. */
  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#ranMs >= TURN_MS) await this.#turn;
      await new Promise<void>((resolve) => nextTick(resolve));
      const refused = this.#refused();
      const batch = this.#waiting.splice(0, CONCURRENCY).filter((one) =>
        this.#wanted(one, refused)
      );
      this.#turn ??= this.#untilNextTurn();
      const began = performance.now();
      for (let done = 0; done < batch.length;) done += await this.#run(batch.slice(done));
      this.#ranMs += performance.now() - began;
    }
    this.#working = undefined;
  }

  async #untilNextTurn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#turn = undefined;
    this.#ranMs = 0;
  }

  #refused(): PluginError | undefined {
    if (this.#closed) return this.#error("closed", "the plugin is closed");
    const { trouble } = this;
    return trouble === undefined ? undefined : this.#error("closed", trouble);
  }

  #wanted({ call, reject }: Waiting, refused: PluginError | undefined): boolean {
    if (refused !== undefined) reject(refused);
    else if (!call.signal?.aborted) return true;
    else reject(this.#error("cancelled", "the call was cancelled", { cause: call.signal.reason }));
    return false;
  }

  async #run(batch: readonly Waiting[]): Promise<number> {
    const { limits: { timeoutMs }, state } = this.options;
    const calls = batch.map(({ call }) => ({
      input: call.input,
      context: call.context,
      limitMs: Math.min(timeoutMs, call.limitMs ?? timeoutMs),
      host: () => new InlineHost(state, call),
    }));
    const done = await this.#runner.run(calls);
    for (const [n, { result, log, metrics }] of done.entries()) {
      const { call, resolve, reject } = batch[n]!;
      for (const { level, message } of log) this.options.log?.(level, message);
      for (const metric of metrics) call.onMetric?.(metric);
      if (result instanceof PluginError) {
        this.#breaker.failed(result);
        reject(this.#error(result.code, result.message, result));
      } else {
        this.#breaker.passed();
        resolve(result);
      }
    }
    return done.length;
  }

  #error(
    code: PluginError["code"],
    message: string,
    { cause, type, guestStack }: ErrorOptions & PluginErrorPlace = {},
  ): PluginError {
    const { hash: module, functionName } = this.options;
    return new PluginError(code, message, { cause, type, guestStack, module, functionName });
  }
}

/** What a guest in this thread may ask of it. */
class InlineHost implements CallHost {
  readonly #budget = new CallBudget();

  constructor(private readonly state: ActorState, private readonly call: PluginCall) {}

  takeMetrics(): PluginMetric[] {
    return this.#budget.takeMetrics();
  }

  http(): never {
    throw new PluginError("denied", "level inline has no HTTP; use level worker");
  }

  getState(key: string): Uint8Array<ArrayBuffer> | undefined {
    this.#budget.count();
    return this.state.get(key);
  }

  setState(key: string, value: Uint8Array | undefined): void {
    this.#budget.count();
    if (value === undefined) this.state.delete(key);
    else this.state.set(key, value);
  }

  partial(body: Uint8Array): void {
    this.#budget.partial(body.length);
    this.call.onPartial?.(body);
  }

  metric(name: string, value: number, labels: Readonly<Record<string, string>>): void {
    this.#budget.metric(name, value, labels);
  }
}
