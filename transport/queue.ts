/**
 * The one interface that every broker implements. One `Queue` object belongs to one actor in one
 * process; several may share a connection or a database behind it.
 */

/** One message to put on an actor's queue. The envelope has its own headers, so a transport has none. */
export interface Outgoing {
  /** The receiving actor's bare name. */
  readonly actor: string;
  /** The envelope as it goes on the queue. Must not be changed until the call has answered. */
  readonly body: Uint8Array;
  /** Identifies the message in confirms and logs; not a key for de-duplication. */
  readonly messageId: string;
  /** Do not deliver before this many milliseconds from now. Survives restarts. */
  readonly delayMs?: number;
}

/** What became of one {@linkcode Outgoing}, in the same order. */
export type SendResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: TransportError };

/** A message that was received and not yet settled. Exactly one settling call per delivery. */
export interface Delivery {
  /** The raw message. */
  readonly body: Uint8Array;
  /** How often the broker has delivered this message, from 1; absent where the broker does not know. */
  readonly deliveries?: number;
  /** Whether it is known that settling it will be in vain: somebody else has it, or will have it. */
  readonly lost: boolean;
  /**
   * Gives the message back, to be delivered again soon: as soon as the broker can be reached, if
   * that is not now.
   * @throws DeliveryLost
   */
  release(): Promise<void>;
  /**
   * Puts the raw body among the actor's dead letters, durably, then settles.
   * @throws DeliveryLost
   * @throws TransportUnavailable when nothing was settled; the call can be repeated
   */
  deadLetter(reason: string): Promise<void>;
}

/** A message among the dead letters. */
export interface DeadLetter {
  /** Names this dead letter in `replay` and `discard`. */
  readonly key: string;
  /** The message as it was received. */
  readonly body: Uint8Array;
  /** Why it is here, as given to `deadLetter` or by the broker. */
  readonly reason: string;
  /** When it was put there. */
  readonly at: Date;
}

/** The dead letters of one actor. */
export interface DeadLetters {
  /** Oldest first, at most `limit`, nothing removed. @throws QueueMissing */
  list(limit: number): Promise<DeadLetter[]>;
  /** Puts it back on the actor's queue; false when the key is unknown. @throws QueueMissing */
  replay(key: string): Promise<boolean>;
  /** Removes it for good; false when the key is unknown. @throws QueueMissing */
  discard(key: string): Promise<boolean>;
}

/** How many messages wait. A broker that cannot tell leaves a member out. */
export interface Depth {
  /** Deliverable now. */
  readonly ready: number;
  /** Delivered, not settled. */
  readonly inFlight?: number;
  /** Waiting for their time. */
  readonly delayed?: number;
}

/** One actor's queue. All promises of durability hold across `kill -9` and power loss. */
export interface Queue {
  /**
   * Deliveries, in the order in which they were sent as far as nothing is released, delayed or
   * redelivered; at most `prefetch` unsettled at once; ends when `signal` aborts. While a delivery
   * is unsettled and this process lives, nobody else gets it, however long that takes. (A broker
   * takes a process for dead that gives no sign of life for long; settling then says so.)
   *
   * `prefetch` is asked again and again: a new answer counts from the next settling, or within a
   * second. A broker that goes away ends nothing: deliveries go on when it is back.
   *
   * @throws QueueMissing at the first delivery; TransportUnavailable only while starting
   */
  receive(options: { prefetch: () => number; signal: AbortSignal }): AsyncIterable<Delivery>;
  /**
   * Makes all of `out` durable and only then settles `delivery`. When any entry failed, the
   * delivery is **not** settled and the failed results say why; the caller decides. Entries that
   * succeeded stay sent. A second call with only the failed entries is the way to retry.
   * @throws DeliveryLost when the delivery is no longer ours; entries may or may not have been sent
   * @throws TransportUnavailable only when `out` is empty; otherwise the results carry it
   */
  complete(delivery: Delivery, out: readonly Outgoing[]): Promise<SendResult[]>;
  /** Makes messages durable without settling anything. Every failure is in the results. */
  send(out: readonly Outgoing[]): Promise<SendResult[]>;
  /** Creates the actor's queue (and its dead letters) if it does not exist. */
  declare(actor: string): Promise<void>;
  /** Counts any actor's messages. @throws QueueMissing */
  depth(actor: string): Promise<Depth>;
  /** Any actor's dead letters; nothing is asked of the broker yet. */
  deadLetters(actor: string): DeadLetters;
  /** The largest body that can be sent, in bytes. May fall when the broker says that it takes less. */
  readonly maxMessageBytes: number;
  /** Why nothing can be received or settled now, in one sentence, as far as it is known. */
  readonly trouble: string | undefined;
  /** Releases what is unsettled and lets go of the connection. Safe to call twice. */
  close(): Promise<void>;
}

/** A connection to one broker (or one file), shared by the queues of a process. */
export interface Transport {
  /** The wire name: `sqlite`, `rabbitmq`, `sqs`; also the metric label. */
  readonly name: string;
  /** The queue of one actor; cheap, nothing is created at the broker. `send` reaches any actor. */
  queue(actor: string): Queue;
  /** Closes every queue, then the connection. Safe to call twice. */
  close(): Promise<void>;
}

/** Base of every error of a transport. */
export abstract class TransportError extends Error {
  /** Stable, for programs; the message is for people. */
  abstract readonly code: string;
  /** Whether the same call can succeed later without anybody changing anything. */
  abstract readonly retryable: boolean;
}

/** The addressed actor has no queue. */
export class QueueMissing extends TransportError {
  /** The class's name. */
  override readonly name = "QueueMissing";
  /** For programs. */
  readonly code = "queue_missing";
  /** See {@linkcode TransportError.retryable}. */
  readonly retryable = false;
  /** `actor`: the bare name that was addressed. */
  constructor(readonly actor: string, options?: ErrorOptions) {
    super(`actor "${actor}" has no queue; create the actor, or correct the route`, options);
  }
}

/** The body is larger than the transport takes. */
export class MessageTooLarge extends TransportError {
  /** The class's name. */
  override readonly name = "MessageTooLarge";
  /** For programs. */
  readonly code = "message_too_large";
  /** See {@linkcode TransportError.retryable}. */
  readonly retryable = false;
  /** `bytes`: the body's length; `limit`: the most that the transport takes. */
  constructor(readonly bytes: number, readonly limit: number, options?: ErrorOptions) {
    super(`message of ${bytes} bytes exceeds the transport's limit of ${limit} bytes`, options);
  }
}

/** The broker, file or network is away or refuses for now (also: disk full). */
export class TransportUnavailable extends TransportError {
  /** The class's name. */
  override readonly name = "TransportUnavailable";
  /** For programs. */
  readonly code = "transport_unavailable";
  /** See {@linkcode TransportError.retryable}. */
  readonly retryable = true;
}

/** The delivery was given to somebody else meanwhile: settling it must do nothing. */
export class DeliveryLost extends TransportError {
  /** The class's name. */
  override readonly name = "DeliveryLost";
  /** For programs. */
  readonly code = "delivery_lost";
  /** See {@linkcode TransportError.retryable}. */
  readonly retryable = false;
}

/** The broker took the message but cannot promise to keep it. */
export class NotDurable extends TransportError {
  /** The class's name. */
  override readonly name = "NotDurable";
  /** For programs. */
  readonly code = "not_durable";
  /** See {@linkcode TransportError.retryable}. */
  readonly retryable = true;
}
