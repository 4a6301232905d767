/** What a sidecar needs of a handler, whatever runs it: a socket runtime, a WASM plugin, a crew function. */

import type { Envelope, Failure, Frame, JsonText } from "@asya/envelope";

/** One call: the envelope, which attempt it is, and how long it may take. */
export interface HandlerCall {
  /** What the handler works on; its payload is raw JSON. */
  readonly envelope: Envelope;
  /** Counted from 1. */
  readonly attempt: number;
  /** Milliseconds that the handler may take: min(actor time-out, time left to the deadline). */
  readonly limitMs: number;
  /** Aborted to cancel (reason: a string), or when the sidecar gives up. */
  readonly signal: AbortSignal;
}

/** Where a handler leaves what is not its answer. */
export interface HandlerSink {
  /** A partial result for the gateway's stream; `seq` counts from 0. Never blocks. */
  partial(seq: number, body: Uint8Array): void;
  /** The handler began to take the call: from here on this is an attempt. Called once at most. */
  started(): void;
}

/** A value for one of the actor's custom metrics. */
export interface HandlerMetric {
  /** As the actor's `ASYA_CUSTOM_METRICS` declares it. */
  readonly name: string;
  /** Finite. */
  readonly value: number;
  /** Label values by label name. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A complete answer: no frame, one, or several (fan-out). */
export interface HandlerAnswer {
  /** In the order of their indexes. */
  readonly frames: readonly Frame[];
  /** What the handler measured itself. */
  readonly metrics?: readonly HandlerMetric[];
}

/** How a handler's process is, as far as it tells. */
export interface HandlerVitals {
  /** Milliseconds since it was asked and did not answer; 0 when it answered. */
  readonly silentMs: number;
  /** Resident memory in bytes. */
  readonly residentBytes?: number | undefined;
  /** Threads of the process that its language knows of. */
  readonly threads?: number | undefined;
  /** Calls that run or wait for their turn. */
  readonly calls?: number | undefined;
  /** Age of the oldest of them, in milliseconds; 0 without one. */
  readonly oldestCallMs?: number | undefined;
  /** How long an event loop has not come round, in milliseconds. */
  readonly loopBlockedMs?: number | undefined;
}

/** A handler behind the sidecar. */
export interface Handler {
  /**
   * Resolves when calls can be made; call it again after {@linkcode HandlerGone}.
   * @throws when `signal` aborts, or when this process can make no calls any more and has to end
   */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * Makes one call.
   * @throws HandlerError | HandlerGone | HandlerTimeout | InvalidAnswer
   */
  handle(call: HandlerCall, sink: HandlerSink): Promise<HandlerAnswer>;
  /** How many calls may run at once; known after `ready`. */
  readonly concurrency: number;
  /** Why the handler cannot take calls now, for `/health/ready`; absent when it can. */
  readonly trouble?: string | undefined;
  /** How the process behind it is, asked now, for the metrics; absent where there is no process. */
  vitals?(): Promise<HandlerVitals | undefined>;
  /** Fails the calls that run with {@linkcode HandlerGone} and lets go of everything. Safe to call twice. */
  close(): Promise<void>;
}

/** The handler ran and failed: its own error, to be retried or sent to `error-end`. */
export class HandlerError extends Error {
  /** Stable. */
  override readonly name = "HandlerError";
  /** With what `error-end` would be told. */
  constructor(readonly failure: Failure, options?: ErrorOptions) {
    super(`${failure.code}: ${failure.message}`, options);
  }
}

/** The handler process is away (crashed, restarting, socket refused or closed): nobody's fault yet. */
export class HandlerGone extends Error {
  /** Stable. */
  override readonly name = "HandlerGone";
}

/** The call passed its limit. `interrupted`: the call really ended and the handler can take others. */
export class HandlerTimeout extends Error {
  /** Stable. */
  override readonly name = "HandlerTimeout";
  /** `interrupted`: whether the call really ended. */
  constructor(message: string, readonly interrupted: boolean, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The handler answered something that is not an answer. */
export class InvalidAnswer extends Error {
  /** Stable. */
  override readonly name = "InvalidAnswer";
}

/** Re-exported so that a handler's author needs one import. */
export type { Envelope, Failure, Frame, JsonText };
