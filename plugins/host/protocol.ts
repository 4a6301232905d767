/** What the pool and its workers say to each other. */

import { PluginError, type PluginErrorCode, type PluginMetric } from "../plugin.ts";
import type { HostMessage } from "./blocking_host.ts";
import type { GuestOptions } from "./guest.ts";
import type { LogLine } from "./guest_log.ts";
import type { LineMemory } from "./line.ts";

/** First message to a worker. */
export interface LoadRequest extends GuestOptions {
  readonly kind: "load";
  /** Through which the host answers what the guest asks of it. */
  readonly shared: SharedArrayBuffer;
  /** Through which calls and their results go. */
  readonly line: LineMemory;
}

/** One call, as it is handed over. */
export interface CallRequest {
  /** Unique in its pool. */
  readonly id: number;
  readonly context: Readonly<Record<string, string>>;
  readonly limitMs: number;
}

/** Calls to be run one after another; sent only to a worker that has none. */
export interface CallsRequest {
  readonly kind: "calls";
  readonly calls: readonly CallRequest[];
  /** Their inputs. */
  readonly bodies: readonly Uint8Array[];
}

/** To a worker. */
export type WorkerRequest = LoadRequest | CallsRequest;

/** From here on handing a buffer over costs less than a copy of it, which is several times cheaper. */
const TRANSFER_BYTES = 32_768;

/** Those that a message hands over; each of them has a buffer of its own. */
export function toTransfer(all: readonly Uint8Array<ArrayBuffer>[]): ArrayBuffer[] {
  return all.filter(({ length }) => length >= TRANSFER_BYTES).map(({ buffer }) => buffer);
}

/** A {@linkcode PluginError} as a plain object. */
export interface PlainError {
  readonly code: PluginErrorCode;
  readonly message: string;
  readonly type?: string | undefined;
  readonly guestStack?: string | undefined;
}

/** How one call ended. */
export interface CallResult {
  readonly id: number;
  /** Absent: it has an output. */
  readonly error?: PlainError;
  readonly log: readonly LogLine[];
  readonly metrics: readonly PluginMetric[];
  /** How long it ran, in milliseconds. */
  readonly ms: number;
}

/** Some calls ended, in the order of their hand-over. */
export interface ResultsAnswer {
  readonly kind: "results";
  readonly results: readonly CallResult[];
  /** Their outputs; empty for those that failed. */
  readonly bodies: readonly Uint8Array<ArrayBuffer>[];
  /** The worker has no more of them. */
  readonly idle: boolean;
}

/** From a worker: it is loaded; it could not load; calls ended; the guest asks for something. */
export type WorkerAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly error: PlainError }
  | ResultsAnswer
  | HostMessage;

/** For the way between threads, where classes are lost. */
export function plainError(error: unknown): PlainError {
  if (!(error instanceof PluginError)) return { code: "trap", message: String(error) };
  const { code, message, type, guestStack } = error;
  return { code, message, type, guestStack };
}
