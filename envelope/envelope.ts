/**
 * The envelope: a message that carries its own route. Everything but `payload` is small and parsed;
 * the payload stays the bytes that came off the queue, because parsing and printing JSON changes
 * numbers (9007199254740993, 1e400, -0) and costs time.
 */

/** One JSON value as text, exactly as it was written: numbers keep their digits. */
export type JsonText = string;

/** Members of a JSON object by name, each value as {@linkcode JsonText}, in their written order. */
export type JsonMembers = ReadonlyMap<string, JsonText>;

/** Where an envelope goes, and how far it has come. */
export interface Route {
  /** Actor names in order, 1 to 1,000. */
  readonly actors: readonly string[];
  /** Index of the actor whose turn it is; `actors.length` means the route is finished. */
  readonly current: number;
  /** The member `metadata`, untouched. */
  readonly metadata?: JsonText;
  /** Members that this version does not know; kept. */
  readonly extra: JsonMembers;
}

/** Attempts at the actor whose turn it is; dropped when a frame leaves for another actor. */
export interface Status {
  /** The number of the next call of the handler, counted from 1. */
  readonly attempt: number;
  /** When the first attempt at this actor began, RFC 3339. */
  readonly firstAttemptAt?: string;
  /** Members that this version does not know; kept. */
  readonly extra: JsonMembers;
}

/** A parsed envelope. Values are never changed in place: a new state is a new object. */
export interface Envelope {
  /** Non-empty, at most 256 bytes of UTF-8. */
  readonly id: string;
  /** The envelope that this one was fanned out from. */
  readonly parentId?: string;
  /** Where it goes. */
  readonly route: Route;
  /** Headers by name, kept on every hop, fan-out and error. Absent and empty are different. */
  readonly headers?: JsonMembers;
  /** The payload's JSON, byte for byte as it was on the queue. */
  readonly payload: Uint8Array;
  /** RFC 3339, as it was written. */
  readonly deadline?: string;
  /** Attempts at the actor whose turn it is. */
  readonly status?: Status;
  /** Top-level members that this version does not know; kept. */
  readonly extra: JsonMembers;
}

/** What a handler gave back for one outgoing envelope. */
export interface Frame {
  /** Raw JSON of the new payload. */
  readonly payload: Uint8Array;
  /**
   * Where the frame wants to go. Absent (version 2, payload mode): the input's route, advanced.
   * Raw, because it comes from a handler: `routeAnswer` checks it.
   */
  readonly route?: JsonText;
  /** Replaces the input's headers where present; `null` in JSON means "none". */
  readonly headers?: JsonText;
}
