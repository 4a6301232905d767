/** One life of a runtime process, as far as its socket shows it. */

import type { HandlerAnswer, HandlerCall, HandlerSink, HandlerVitals } from "../handler.ts";

/** What both versions need to know. */
export interface SessionOptions {
  /** The folder of the socket and of `runtime-ready`. */
  readonly dir: string;
  /** The socket's path. */
  readonly path: string;
  readonly actor: string;
  /** An end actor's answer says only that it went well. */
  readonly endActor: boolean;
  /** Most calls at once. */
  readonly concurrency: number;
  /** Bounds one frame and one whole answer, in bytes. */
  readonly maxFrameBytes: number;
  /** How long a call that was told to stop may take to end. */
  readonly cancelGraceMs: number;
  /** Aborted when nobody needs the session any more. */
  readonly signal: AbortSignal;
  /** What the runtime says while it loads. */
  readonly onTrouble: (message: string) => void;
  /** The session is over, and why; called once, not after {@linkcode Session.close}. */
  readonly onOver: (reason: string) => void;
}

/** Calls a runtime until it goes away. */
export interface Session {
  readonly version: 1 | 2;
  readonly concurrency: number;
  /** Why calls have to wait; absent when they need not. */
  readonly trouble: string | undefined;
  /** Resolves when calls can be made, or the session is over. */
  usable(): Promise<void>;
  /** As `Handler.handle`. */
  call(call: HandlerCall, sink: HandlerSink): Promise<HandlerAnswer>;
  /** As `Handler.vitals`; undefined where the runtime cannot be asked. */
  vitals(): Promise<HandlerVitals | undefined>;
  close(): void;
}
