/**
 * Runs calls on a guest, one after the other, in a worker or in the main thread. A call that was
 * stopped half-way is followed by a fresh instance before the next one.
 */

import { PluginError, type PluginMetric } from "../plugin.ts";
import { createGuest } from "./create_guest.ts";
import type { Guest, GuestOptions, HostCalls } from "./guest.ts";
import { GuestLog, type LogLine } from "./guest_log.ts";
import { runTogether, TimeLimitExceeded } from "./time_limit.ts";

/** What a call asks of its host. */
export interface CallHost extends HostCalls {
  /** What the call has measured. */
  takeMetrics(): PluginMetric[];
}

/** One call. */
export interface RunnerCall {
  readonly input: Uint8Array;
  readonly context: Readonly<Record<string, string>>;
  readonly limitMs: number;
  /** Called when it begins. */
  readonly host: () => CallHost;
}

/** How one call ended. */
export interface Ran {
  readonly result: Uint8Array<ArrayBuffer> | PluginError;
  readonly log: readonly LogLine[];
  readonly metrics: readonly PluginMetric[];
  /** How long it ran, in milliseconds. */
  readonly ms: number;
}

/** A call that runs. */
interface Running {
  readonly call: RunnerCall;
  readonly host: CallHost;
  readonly log: GuestLog;
  readonly began: number;
}

/** A guest, made when it is needed. */
export class Runner {
  #guest: Guest | undefined;

  constructor(private readonly options: GuestOptions) {}

  /** Makes the guest unless there is one that can be used. @throws PluginError */
  async prepare(): Promise<void> {
    if (this.#guest?.wornOut) this.discard();
    this.#guest ??= await createGuest(this.options);
  }

  /** Makes as many of these calls as are over soon, one at least. Never throws. */
  async run(calls: readonly RunnerCall[]): Promise<Ran[]> {
    try {
      await this.prepare();
    } catch (error) {
      return [ran(begun(calls[0]!), asPluginError(error))];
    }
    const done: Ran[] = [];
    const { limitMs } = calls[0]!;
    let running: Running | undefined;
    try {
      runTogether(limitMs, () => {
        running = begun(calls[done.length]!);
        done.push(this.#call(running));
        return this.#guest?.wornOut === false && calls[done.length]?.limitMs === limitMs;
      });
    } catch (error) {
      this.discard();
      const why = error instanceof TimeLimitExceeded
        ? new PluginError("timeout", error.message, { cause: error })
        : asPluginError(error);
      // Interrupted when a call was over, it loses nothing but the guest.
      if (running !== undefined && done.length < calls.indexOf(running.call) + 1) {
        done.push(ran(running, why));
      }
    }
    return done;
  }

  /** Lets go of the guest. */
  discard(): void {
    this.#guest?.dispose();
    this.#guest = undefined;
  }

  #call(running: Running): Ran {
    const { call: { input, context, limitMs }, host, log } = running;
    try {
      return ran(running, this.#guest!.call({ input, context, limitMs, log, host }));
    } catch (error) {
      if (!this.#guest!.usable) this.discard();
      return ran(running, asPluginError(error));
    }
  }
}

function begun(call: RunnerCall): Running {
  return { call, host: call.host(), log: new GuestLog(), began: performance.now() };
}

function ran({ host, log, began }: Running, result: Ran["result"]): Ran {
  return {
    result,
    log: log.lines(),
    metrics: host.takeMetrics(),
    ms: performance.now() - began,
  };
}

function asPluginError(error: unknown): PluginError {
  return error instanceof PluginError ? error : new PluginError("trap", String(error));
}
