/**
 * Types for handlers written in TypeScript. Nothing of this file is left in what is built:
 * `import type { Context } from "asya/typescript"`.
 */

/** What a handler may give back for a JSON value `T`: one frame, several, or none. */
export type Result<T> = T | readonly T[] | null | undefined | void;

/**
 * A handler, exported as default or by the name `handle`.
 *
 * ```ts
 * export default ((order, context) => {
 *   context.metric("orders", 1);
 *   return { ...order, seen: true };
 * }) satisfies Handler<Order>;
 * ```
 *
 * What it throws fails the call; the error's name is what retry rules see.
 */
export type Handler<In = unknown, Out = unknown> = (
  payload: In,
  context: Context,
) => Result<Out> | Promise<Result<Out>>;

/** What a handler knows of its call, and may ask of its host. Nothing of it needs an `await`. */
export interface Context {
  /** The envelope's id. */
  readonly id: string;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** When the envelope's time is up, RFC 3339. */
  readonly deadline: string | undefined;
  /** The actor's name. */
  readonly actor: string;
  /** Settings of the actor. */
  readonly config: Readonly<Record<string, string>>;
  /** The input's JSON as it came: numbers keep all their digits. */
  readonly input: string;
  /** Shows a result before the call is over. Any JSON value. */
  partial(value: unknown): void;
  /** Reports a finite number as one of the actor's metrics. */
  metric(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** Values that all calls of the actor share, where its settings allow some. */
  readonly state: State;
  /** Calls a host that the actor's settings allow. Any status is a reply; redirects are, too. */
  http(request: HttpRequest): HttpReply;
}

/** Keys and JSON values, shared by all calls of an actor. */
export interface State {
  /** `undefined`: there is none. */
  get<T = unknown>(key: string): T | undefined;
  /** Any JSON value. */
  set(key: string, value: unknown): void;
  /** Does nothing where there is none. */
  delete(key: string): void;
}

/** What {@linkcode Context.http} sends. */
export interface HttpRequest {
  readonly url: string;
  /** Default: `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back. */
export interface HttpReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text, read as UTF-8. */
  readonly body: string;
  /** The body as JSON. @throws SyntaxError */
  json<T = unknown>(): T;
}

/** What a handler gets in envelope mode; it answers with such an object, or several. */
export interface Envelope<Payload = unknown> {
  id: string;
  route: Route;
  payload: Payload;
  headers?: Record<string, unknown>;
  /** RFC 3339. */
  readonly deadline?: string;
  /** The envelope that this one came from by a fan-out. */
  readonly parent_id?: string | null;
}

/** The way of an envelope. A handler in envelope mode advances `current` itself. */
export interface Route {
  actors: string[];
  /** Index of the actor that has the envelope now. */
  current: number;
  metadata?: Record<string, unknown>;
}
