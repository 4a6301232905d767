/** The host's half of one call of a script: its time, its budget, and what it asks for. */

import { PluginError, type PluginLimits } from "../plugin.ts";
import type { GuestCall, HostCalls } from "./guest.ts";
import type { CallFacts } from "./script_prelude.ts";
import { readEntry, readKey, readLog, readMetric, readRequest } from "./script_messages.ts";
import { answerUrl } from "./script_urls.ts";
import type { TimeLimitExceeded } from "./time_limit.ts";

/** Charged for every text beside its bytes. */
const ENTRY_BYTES = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });

/** State of a call that runs; without one a script is being loaded, which may log and read URLs. */
export class ScriptCall {
  readonly limitMs: number;
  readonly #deadline: number;
  #bytesLeft: number;
  #fatal: PluginError | undefined;

  /** @throws PluginError `memory_limit` when the input alone is too large */
  constructor(readonly call: GuestCall | undefined, readonly limits: PluginLimits) {
    this.limitMs = call?.limitMs ?? limits.startMs;
    this.#deadline = performance.now() + this.limitMs;
    this.#bytesLeft = limits.kernelBytes;
    this.#charge(call?.input.length ?? 0);
  }

  /** What ends the call, whatever the guest makes of it. */
  get fatal(): PluginError | undefined {
    return this.#fatal;
  }

  /** Whether the guest is to be interrupted; `fatal` says why. */
  mustStop(): boolean {
    if (!this.#fatal && performance.now() >= this.#deadline) this.#fatal = this.timeout();
    return this.#fatal !== undefined;
  }

  timeout(cause?: TimeLimitExceeded): PluginError {
    return new PluginError("timeout", `interrupted after ${Math.ceil(this.limitMs)} ms`, { cause });
  }

  /**
   * Does what the guest asks for.
   *
   * @throws an error for the guest, which may catch it; after a limit or a denial it is of no use
   * to catch it, because the call ends
   */
  ask(what: string, json: string): string | undefined {
    if (this.#fatal) throw this.#fatal;
    try {
      if (json === "") throw new PluginError("memory_limit", "no memory is left for a host call");
      return this.#answer(what, json);
    } catch (error) {
      if (!(error instanceof PluginError && error.code === "guest_error")) this.#end(error);
      throw error;
    }
  }

  #end(error: unknown): void {
    this.#fatal = error instanceof PluginError
      ? error
      : new PluginError("trap", `a host call failed: ${error}`, { cause: error });
  }

  #answer(what: string, json: string): string | undefined {
    const { call } = this;
    if (what === "log") {
      const { level, line } = readLog(json);
      call?.log.add(level, encoder.encode(line));
      return undefined;
    }
    if (what === "url") {
      this.#charge(json.length);
      const answer = answerUrl(json);
      this.#charge(answer?.length ?? 0);
      return answer;
    }
    if (!call) throw new PluginError("guest_error", "there is no call while a script loads");
    this.#charge(json.length);
    switch (what) {
      case "partial":
        return void call.host.partial(encoder.encode(json));
      case "metric": {
        const { name, value, labels } = readMetric(json);
        return void call.host.metric(name, value, labels);
      }
      case "get":
        return this.#received(call.host.getState(readKey(json)));
      case "set": {
        const { key, value } = readEntry(json);
        return void call.host.setState(key, encoder.encode(value));
      }
      case "delete":
        return void call.host.setState(readKey(json), undefined);
      case "http":
        return this.#http(call.host, json);
    }
    throw new PluginError("guest_error", `the guest asked for ${what}, which is not there`);
  }

  #http(host: HostCalls, json: string): string {
    const reply = host.http(readRequest(json));
    this.#charge(reply.body.length);
    return JSON.stringify({ ...reply, body: decoder.decode(reply.body) });
  }

  #received(bytes: Uint8Array | undefined): string | undefined {
    this.#charge(bytes?.length ?? 0);
    return bytes && decoder.decode(bytes);
  }

  /** Takes bytes from the call's budget. */
  #charge(bytes: number): void {
    this.#bytesLeft -= bytes + ENTRY_BYTES;
    if (this.#bytesLeft >= 0) return;
    const limit = this.limits.kernelBytes;
    throw new PluginError("memory_limit", `the call needs more than ${limit} bytes of host memory`);
  }
}

/** @throws PluginError `guest_error` */
export function textOf(input: Uint8Array): string {
  try {
    return strictDecoder.decode(input);
  } catch (cause) {
    throw new PluginError("guest_error", "the input is not UTF-8", { cause });
  }
}

/** What differs from call to call, by its settings. */
export function factsOf(settings: Readonly<Record<string, string>>): CallFacts {
  return {
    id: settings["asya.id"] ?? "",
    attempt: Number(settings["asya.attempt"] ?? 1),
    deadline: settings["asya.deadline"],
    actor: settings["asya.actor"] ?? "",
  };
}
