/**
 * The main thread's end of a worker's host calls: does what a guest asks for, as far as its actor
 * allows it, and answers through their shared memory. How the two threads keep out of each other's
 * way: host_memory.ts.
 */

import { PluginError } from "../plugin.ts";
import type { AllowedHosts } from "./allowed_hosts.ts";
import type { HostMessage } from "./blocking_host.ts";
import { type Answer, HostMemory, refusal } from "./host_memory.ts";
import type { HttpRequest } from "./http.ts";
import { httpCall } from "./http_client.ts";
import type { ActorState } from "./state.ts";

/** What the guests of an actor may do. */
export interface HostOptions {
  readonly allowed: AllowedHosts;
  /** Shared by all workers of the actor. */
  readonly state: ActorState;
  /** Body of one reply, in bytes. */
  readonly maxReplyBytes: number;
  /** Of one HTTP exchange, in milliseconds. */
  readonly timeoutMs: number;
}

/** A request that is not answered yet. */
interface Asked {
  readonly call: number;
  readonly seq: number;
  readonly abort: AbortController;
}

/** Answers one worker, one request at a time. */
export class HostSide {
  readonly #memory: HostMemory;
  readonly #options: HostOptions;
  #asked: Asked | undefined;
  readonly #exchanges = new Set<Promise<void>>();
  #closed = false;

  /** @param shared what the worker's {@linkcode BlockingHost} has */
  constructor(shared: SharedArrayBuffer, options: HostOptions) {
    this.#memory = new HostMemory(shared);
    this.#options = options;
  }

  /**
   * Takes a message of the worker, in the order in which they come.
   *
   * @param sink where the partial results of the message's call go
   */
  receive(message: HostMessage, sink: { partial(body: Uint8Array): void }): void {
    if (message.ask === "partial") return sink.partial(message.body);
    // the worker asks again, so nobody waits for what it asked before
    this.#asked?.abort.abort();
    const { call, seq } = message;
    this.#asked = { call, seq, abort: new AbortController() };
    if (this.#closed) this.#answer(this.#asked, refusal(closed()));
    else if (message.ask === "http") this.#exchange(this.#asked, message.request);
    else this.#answer(this.#asked, this.#useState(message));
  }

  /** The call is over, or nobody wants its result: aborts what it still waits for. */
  end(callId: number): void {
    const asked = this.#asked;
    if (asked?.call !== callId) return;
    asked.abort.abort();
    this.#answer(asked, refusal(new PluginError("cancelled", "the call is over")));
  }

  /** Refuses what comes from now on, and resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    const asked = this.#asked;
    if (asked) {
      asked.abort.abort();
      this.#answer(asked, refusal(closed()));
    }
    await Promise.all(this.#exchanges);
  }

  #answer(asked: Asked, answer: Answer): void {
    if (this.#asked !== asked) return;
    this.#asked = undefined;
    this.#memory.answer(asked.seq, answer);
  }

  #useState(message: HostMessage & { readonly ask: "get" | "set" }): Answer {
    const { state } = this.#options;
    try {
      if (message.ask === "get") return { body: state.get(message.key) };
      if (message.value) state.set(message.key, message.value);
      else state.delete(message.key);
      return {};
    } catch (error) {
      return refusal(error);
    }
  }

  #exchange(asked: Asked, request: HttpRequest): void {
    const { allowed, maxReplyBytes, timeoutMs } = this.#options;
    const { signal } = asked.abort;
    const exchange = httpCall(request, { allowed, maxReplyBytes, timeoutMs, signal })
      .then(({ body, ...reply }): Answer => ({ reply, body }), refusal)
      .then((answer) => this.#answer(asked, answer))
      .finally(() => this.#exchanges.delete(exchange));
    this.#exchanges.add(exchange);
  }
}

function closed(): PluginError {
  return new PluginError("closed", "the plugin is closed");
}
