/**
 * A plugin in the thread of the service itself: no hand-over, so a fast call is several times
 * faster. A call that uses up its time stops everything else for as long, which is why only short
 * limits are allowed; and it cannot wait, so it has no HTTP.
 */

import {
  type Plugin,
  type PluginCall,
  PluginError,
  type PluginErrorPlace,
  type PluginMetric,
} from "../plugin.ts";
import { Breaker } from "./breaker.ts";
import { createGuest } from "./create_guest.ts";
import type { Guest, HostCalls } from "./guest.ts";
import { GuestLog } from "./guest_log.ts";
import type { Prepared } from "./pool.ts";
import { sleep } from "./sleep.ts";
import type { ActorState } from "./state.ts";

/** The longest limit of a call: the service's heartbeats and health checks wait for it. */
export const LONGEST_INLINE_MS = 100;
/** Partial results and metrics of one call. */
const MAX_PARTIALS = 1_000;
const MAX_METRICS = 100;

/** One instance in this thread. */
export class InlinePlugin implements Plugin {
  readonly concurrency = 1;
  readonly #breaker = new Breaker();
  #guest: Guest | undefined;
  #closed = false;
  /** Calls go one after the other: making a new instance takes turns of the event loop. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(private readonly options: Prepared) {}

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
    plugin.#guest = await createGuest(options);
    return plugin;
  }

  get hash(): string {
    return this.options.hash;
  }

  get trouble(): string | undefined {
    return this.#breaker.trouble;
  }

  async ready(signal: AbortSignal): Promise<void> {
    while (!this.#closed && this.#breaker.pauseMs > 0) await sleep(this.#breaker.pauseMs, signal);
    if (this.#closed) throw this.#error("closed", "the plugin is closed");
  }

  call(call: PluginCall): Promise<Uint8Array> {
    const done = this.#last.then(() => this.#call(call));
    this.#last = done.catch(() => undefined); // told to who made that call
    return done;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    this.#discard();
  }

  async #call(call: PluginCall): Promise<Uint8Array> {
    const { limits: { timeoutMs }, state } = this.options;
    if (this.#closed) throw this.#error("closed", "the plugin is closed");
    const { trouble } = this;
    if (trouble !== undefined) throw this.#error("closed", trouble);
    if (call.signal?.aborted) {
      throw this.#error("cancelled", "the call was cancelled", { cause: call.signal.reason });
    }
    const log = new GuestLog();
    const host = new InlineHost(state, call);
    try {
      if (this.#guest?.wornOut) this.#discard();
      this.#guest ??= await createGuest(this.options);
      const output = this.#guest.call({
        input: new Uint8Array(call.input),
        context: call.context,
        limitMs: Math.min(timeoutMs, call.limitMs ?? timeoutMs),
        log,
        host,
      });
      this.#breaker.passed();
      return output;
    } catch (error) {
      this.#discard();
      const failed = error instanceof PluginError ? error : new PluginError("trap", String(error));
      this.#breaker.failed(failed);
      throw this.#error(failed.code, failed.message, failed);
    } finally {
      for (const { level, message } of log.lines()) this.options.log?.(level, message);
      for (const metric of host.metrics) call.onMetric?.(metric);
    }
  }

  #discard(): void {
    this.#guest?.dispose();
    this.#guest = undefined;
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
class InlineHost implements HostCalls {
  readonly metrics: PluginMetric[] = [];
  #partials = 0;

  constructor(private readonly state: ActorState, private readonly call: PluginCall) {}

  http(): never {
    throw new PluginError("denied", "level inline has no HTTP; use level worker");
  }

  getState(key: string): Uint8Array<ArrayBuffer> | undefined {
    return this.state.get(key);
  }

  setState(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.state.delete(key);
    else this.state.set(key, value);
  }

  partial(body: Uint8Array): void {
    if (++this.#partials > MAX_PARTIALS) {
      const message = `the call gave more than ${MAX_PARTIALS} partial results`;
      throw new PluginError("host_limit", message);
    }
    this.call.onPartial?.(body);
  }

  metric(name: string, value: number, labels: Readonly<Record<string, string>>): void {
    if (this.metrics.push({ name, value, labels }) <= MAX_METRICS) return;
    throw new PluginError("host_limit", `the call gave more than ${MAX_METRICS} metrics`);
  }
}
