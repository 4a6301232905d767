/**
 * Version 2: persistent connections with one call at a time each, opened as they are needed, and
 * one control connection for CANCEL.
 */

import { encodeHead } from "@asya/envelope";
import {
  type HandlerAnswer,
  type HandlerCall,
  HandlerGone,
  type HandlerSink,
  HandlerTimeout,
  type HandlerVitals,
} from "../handler.ts";
import { Alarm } from "../alarm.ts";
import { Connection } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import { cancelled, settles } from "../limit.ts";
import { removeReadyFile } from "./ready_file.ts";
import type { Session, SessionOptions } from "./session.ts";
import { Slots } from "./slots.ts";
import { messageOf, tooLarge } from "./stream.ts";
import { nextCall } from "./wire.ts";

/**
 * How often CANCEL is said again, in milliseconds. It may overtake its CALL, which comes by another
 * connection, and a runtime ignores it then.
 */
const CANCEL_AGAIN_MS = 250;

/** Calls a version 2 runtime. */
export class Version2 implements Session {
  readonly version = 2;
  #concurrency = 1;
  #slots = new Slots(1);
  readonly #alarm = new Alarm();
  #control: Connection | undefined;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  /** Calls that are neither ended nor past their limit. */
  #running = 0;
  /** Calls past their limit, or cancelled in vain, that have not ended. */
  #stopping = 0;
  #over = false;
  /** Whether the caller knows this session and has not closed it. */
  #known = false;
  #changed: PromiseWithResolvers<void> | undefined;

  private constructor(private readonly options: SessionOptions) {}

  /** @throws HandlerGone when it does not come to a WELCOME */
  static async open(options: SessionOptions): Promise<Version2> {
    const session = new Version2(options);
    try {
      const first = await session.#open("call");
      session.#concurrency = Math.min(options.concurrency, first.welcome.concurrency);
      session.#slots = new Slots(session.#concurrency);
      if (first.welcome.cancel) session.#control = await session.#open("control");
      if (session.#over) throw new HandlerGone("the runtime closed a connection while it opened");
      session.#idle.push(first);
    } catch (error) {
      session.close();
      throw error;
    }
    session.#known = true;
    return session;
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  get trouble(): string | undefined {
    return this.#stopping === 0
      ? undefined
      : "a call past its limit, or cancelled, has not ended yet";
  }

  async usable(): Promise<void> {
    while (this.#stopping > 0 && !this.#over) await this.#change();
  }

  async call(call: HandlerCall, sink: HandlerSink): Promise<HandlerAnswer> {
    if (call.signal.aborted) throw cancelled(call.signal);
    const { maxFrameBytes } = this.options;
    const { envelope, attempt, limitMs } = call;
    const asya = JSON.stringify({ attempt, remaining_ms: Math.max(0, Math.ceil(limitMs)) });
    const head = encodeHead(envelope, { asya });
    const bytes = head.length + envelope.payload.length;
    if (bytes > maxFrameBytes) throw tooLarge("the envelope", bytes, maxFrameBytes);

    this.#checkUsable();
    const turn = this.#slots.take();
    if (turn !== undefined) await turn;
    this.#running++;
    try {
      if (call.signal.aborted) throw cancelled(call.signal);
      this.#checkUsable();
      const connection = this.#idle.pop() ?? await this.#open("call");
      return await this.#run(connection, new Exchange(nextCall(), sink, maxFrameBytes), call, head);
    } finally {
      this.#running--;
      this.#slots.give();
      this.#tell();
    }
  }

  async vitals(): Promise<HandlerVitals | undefined> {
    return await this.#control?.vitals();
  }

  close(): void {
    this.#known = false;
    this.#end("the handler was closed");
    for (const connection of this.#all) connection.close(new HandlerGone("the handler was closed"));
  }

  /** @throws HandlerGone when no call may begin now */
  #checkUsable(): void {
    if (this.#over) throw new HandlerGone("the runtime went away");
    if (this.trouble !== undefined) throw new HandlerGone(this.trouble);
  }

  async #run(
    connection: Connection,
    exchange: Exchange,
    call: HandlerCall,
    head: Uint8Array,
  ): Promise<HandlerAnswer> {
    const onAbort = () => exchange.stop("cancel");
    call.signal.addEventListener("abort", onAbort);
    const limitAt = performance.now() + call.limitMs;
    const limit = this.#alarm.set(call.limitMs, () => exchange.stop("limit"));
    void connection.call(exchange, head, call.envelope.payload);
    let unheeded: string | undefined;
    try {
      const outcome = await exchange.outcome;
      if (typeof outcome === "object") return outcome;
      if (outcome === "cancel") {
        // Half the grace, so that no call begins here any more when the runtime's watchdog, after
        // all of it, ends the process.
        const halfMs = this.options.cancelGraceMs / 2;
        const reason = String(call.signal.reason);
        if (!await this.#stop(exchange, reason, halfMs)) unheeded = reason;
        throw cancelled(call.signal);
      }
      unheeded = "timeout";
      throw new HandlerTimeout(`the handler took longer than ${call.limitMs} ms`, false);
    } finally {
      this.#alarm.clear(limit);
      call.signal.removeEventListener("abort", onAbort);
      if (unheeded === undefined) this.#release(connection);
      else void this.#outlast(connection, exchange, unheeded, limitAt);
    }
  }

  /** Tells the runtime to stop a call, for as long as `ms`; whether the call ended. */
  async #stop(exchange: Exchange, reason: string, ms: number): Promise<boolean> {
    const until = performance.now() + ms;
    for (;;) {
      this.#control?.cancel(exchange.call, reason);
      const leftMs = until - performance.now();
      if (await settles(exchange.ended, Math.min(CANCEL_AGAIN_MS, leftMs))) return true;
      if (leftMs <= CANCEL_AGAIN_MS) return false;
    }
  }

  /** Waits for a call that has to stop to end: by itself, or with its process. */
  async #outlast(
    connection: Connection,
    exchange: Exchange,
    reason: string,
    limitAt: number,
  ): Promise<void> {
    const { cancelGraceMs } = this.options;
    this.#stopping++;
    // A runtime that takes no CANCEL knows only of the limit.
    const deafMs = this.#control === undefined ? Math.max(0, limitAt - performance.now()) : 0;
    let ended = await this.#stop(exchange, reason, deafMs + cancelGraceMs);
    if (!ended) {
      // The runtime's own watchdog lets the calls beside it run to their limits and grace, then
      // exits; twice the grace, so that it is not overtaken.
      while (this.#running > 0 && !this.#over) await this.#change();
      ended = await settles(exchange.ended, 2 * cancelGraceMs);
    }
    if (!ended) {
      this.#abandon();
      connection.close();
    }
    this.#stopping--;
    this.#release(connection);
    this.#tell();
  }

  /** The watchdog did not fire: has the process started again from outside. */
  #abandon(): void {
    let reason = "neither a call that has to stop nor its process ended; removed runtime-ready";
    try {
      removeReadyFile(this.options.dir);
    } catch (error) {
      reason = `a call that has to stop did not end, and runtime-ready cannot be removed: ${
        messageOf(error)
      }`;
    }
    this.#end(reason);
  }

  /** The connection's call has ended: it takes the next one, if it can. */
  #release(connection: Connection): void {
    if (this.#over) connection.close();
    if (connection.closed) this.#all.delete(connection);
    else this.#idle.push(connection);
  }

  /** @throws HandlerGone when it does not come to a WELCOME; the session is over then */
  async #open(role: "call" | "control"): Promise<Connection> {
    const onEnd = (error: Error, call?: number) => {
      if (role === "control" || error instanceof HandlerGone) this.#end(error.message);
      // Its answer cannot be used: the handler need not go on with it.
      else if (call !== undefined) this.#control?.cancel(call, error.message);
    };
    const onLoading = this.options.onTrouble;
    try {
      const connection = await Connection.open({ ...this.options, role, onLoading, onEnd });
      this.#all.add(connection);
      return connection;
    } catch (cause) {
      const gone = new HandlerGone(messageOf(cause), { cause });
      this.#end(gone.message);
      throw gone;
    }
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    for (const connection of this.#idle.splice(0)) connection.close();
    this.#control?.close();
    this.#slots.close(new HandlerGone(reason));
    this.#alarm.close();
    this.#tell();
    if (this.#known) this.options.onOver(reason);
  }

  /** Resolves when one of the counts changes. */
  #change(): Promise<void> {
    this.#changed ??= Promise.withResolvers();
    return this.#changed.promise;
  }

  #tell(): void {
    this.#changed?.resolve();
    this.#changed = undefined;
  }
}
