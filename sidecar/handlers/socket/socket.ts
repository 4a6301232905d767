/**
 * A handler in a process of its own behind a Unix socket: waits for the runtime, speaks the version
 * that it speaks, and notices when it goes away and comes back.
 */

import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "@asya/telemetry";
import {
  type Handler,
  type HandlerAnswer,
  type HandlerCall,
  HandlerGone,
  type HandlerSink,
  type HandlerVitals,
} from "../handler.ts";
import { unlessAborted } from "../limit.ts";
import { Ear } from "./ear.ts";
import { readVersion, READY_FILE } from "./ready_file.ts";
import type { Session } from "./session.ts";
import { messageOf } from "./stream.ts";
import { Version1 } from "./version1.ts";
import { Version2 } from "./version2.ts";
import { untilFound } from "./watch.ts";

/** Least time between two sessions, so that a runtime that drops each one costs no busy loop. */
const PAUSE_MS = 50;

/** Where the runtime is and how much it may be given. */
export interface SocketHandlerOptions {
  /** The folder of the socket and of `runtime-ready`; it may not exist yet. */
  readonly dir: string;
  /** Default: `asya-runtime.sock`. */
  readonly socketName?: string;
  /** Most calls at once; the runtime may take fewer. */
  readonly concurrency: number;
  /** Bounds a frame and a whole answer, in bytes, both ways. */
  readonly maxFrameBytes: number;
  /** How long a call that was told to stop may take to end, in milliseconds. */
  readonly cancelGraceMs: number;
  /** The actor's name. */
  readonly actor: string;
  /** An end actor's answer says only that it went well; what it holds is not looked at. */
  readonly endActor?: boolean;
  /** Told when the runtime is ready and when it goes away. */
  readonly log: Logger;
}

/** Makes a handler of the runtime behind a socket. It touches nothing before `ready`. */
export function socketHandler(options: SocketHandlerOptions): Handler {
  return new SocketHandler(options);
}

class SocketHandler implements Handler {
  readonly #path: string;
  readonly #closing = new AbortController();
  #session: Session | undefined;
  #search: Promise<Session> | undefined;
  /** When the last session began, as `performance.now()`. */
  #foundAt = -PAUSE_MS;
  #concurrency = 1;
  #trouble: string | undefined = "not started";

  constructor(private readonly options: SocketHandlerOptions) {
    this.#path = join(options.dir, options.socketName ?? "asya-runtime.sock");
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  get trouble(): string | undefined {
    return this.#session === undefined ? this.#trouble : this.#session.trouble;
  }

  async vitals(): Promise<HandlerVitals | undefined> {
    return await this.#session?.vitals();
  }

  async ready(signal: AbortSignal): Promise<void> {
    await unlessAborted(() => this.#usable(), signal);
  }

  handle(call: HandlerCall, sink: HandlerSink): Promise<HandlerAnswer> {
    if (this.#session === undefined) return Promise.reject(new HandlerGone(this.#trouble));
    return this.#session.call(call, sink);
  }

  async close(): Promise<void> {
    this.#trouble = "the handler was closed";
    this.#closing.abort(new HandlerGone(this.#trouble));
    this.#session?.close();
    this.#session = undefined;
    await this.#search?.catch(() => undefined);
  }

  async #usable(): Promise<void> {
    for (;;) {
      this.#closing.signal.throwIfAborted();
      const session = this.#session ?? await this.#find();
      await session.usable();
      if (session === this.#session) return;
    }
  }

  /** Looks for a runtime; everybody who waits shares one search. */
  #find(): Promise<Session> {
    this.#search ??= this.#searchFor().finally(() => this.#search = undefined);
    return this.#search;
  }

  async #searchFor(): Promise<Session> {
    const { signal } = this.#closing;
    const early = this.#foundAt + PAUSE_MS - performance.now();
    if (early > 0) await pause(early, undefined, { signal });
    const names = [basename(this.#path), READY_FILE];
    const { dir, log } = this.options;
    await using ear = new Ear({ ...this.options, path: this.#path, signal });
    const session = await untilFound(() => this.#try(ear), { dir, names, signal, log });
    this.#foundAt = performance.now();
    this.#session = session;
    this.#concurrency = session.concurrency;
    const { version, concurrency } = session;
    log.info("handler is ready", { protocol: version, concurrency });
    return session;
  }

  async #try(ear: Ear): Promise<Session | undefined> {
    const { dir, endActor = false } = this.options;
    try {
      const version = await readVersion(dir);
      if (version === undefined) {
        ear.listen((message) => this.#trouble = message);
        throw new HandlerGone(ear.heard ?? `waiting for ${join(dir, READY_FILE)}`);
      }
      await ear.close();
      return await (version === 2 ? Version2 : Version1).open({
        ...this.options,
        endActor,
        path: this.#path,
        signal: this.#closing.signal,
        onTrouble: (message) => this.#trouble = message,
        onOver: (reason) => this.#onOver(reason),
      });
    } catch (error) {
      this.#closing.signal.throwIfAborted();
      this.#trouble = messageOf(error);
      this.options.log.debug("handler is not ready", { reason: this.#trouble });
      return undefined;
    }
  }

  #onOver(reason: string): void {
    this.options.log.warn("handler went away", { reason });
    this.#session = undefined;
    this.#trouble = reason;
    // Nobody may be waiting yet; whoever comes meets this search or its session. It ends by
    // finding one, or by `close`, and then its rejection is nobody's business.
    this.#find().catch(() => undefined);
  }
}
