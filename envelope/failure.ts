/** What can go wrong with an envelope, in the words that `error-end` and its readers know. */

import type { JsonText } from "./envelope.ts";

/** The stable error codes of the wire contract. */
export const ERROR_CODES = [
  "msg_parsing_error",
  "processing_error",
  "connection_error",
  "timeout_error",
  "deadline_exceeded",
  "route_error",
  "oom_error",
  "resource_limit",
  "cancelled",
] as const;

/** One of {@linkcode ERROR_CODES}; a handler of another language may report a code of its own. */
export type ErrorCode = typeof ERROR_CODES[number];

/** Why an envelope (or an attempt at it) failed, as it goes to `error-end`. */
export interface Failure {
  /** Of ours, or the handler's own. */
  readonly code: ErrorCode | (string & Record<never, never>);
  /** One sentence that a person can act on. */
  readonly message: string;
  /** Fully qualified class of the handler's error, e.g. `my.module.NotReady`. */
  readonly type?: string;
  /** The ancestors of `type`, nearest first. */
  readonly mro?: readonly string[];
  /** As the handler's language prints it, several lines. */
  readonly traceback?: string;
  /**
   * The handler's own `details` object as it was written; when present its members win over the
   * members built from the fields above.
   */
  readonly details?: JsonText;
}

/** Thrown by this room for input or an answer that breaks the contract. */
export class EnvelopeError extends Error {
  /** The class, for logs. */
  override readonly name = "EnvelopeError";
  /** `code`: which of the contract's failures this is. */
  constructor(readonly code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What `read` gives, or `undefined` where it throws an {@linkcode EnvelopeError}. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined;
    throw error;
  }
}
