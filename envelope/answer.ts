/** What a handler answered, off the socket: frames or a failure. Nothing of it is trusted yet. */

import type { Frame, JsonText } from "./envelope.ts";
import { EnvelopeError, type Failure } from "./failure.ts";
import {
  decodeJson,
  isNull,
  type Member,
  objectAt,
  readString,
  scanObject,
  walkArray,
} from "./json.ts";
import { DEFAULT_LIMITS, DEFAULT_ROUTING_LIMITS } from "./limits.ts";
import { valueEnd } from "./scan.ts";

/** A whole answer: what to send on (nothing: an empty list), or why there is nothing to send. */
export type Answer = { readonly frames: readonly Frame[] } | { readonly failure: Failure };

/** How {@linkcode parseAnswer} reads. */
export interface AnswerOptions {
  /** Elements in the answer; one more is a `resource_limit`. */
  readonly maxFrames?: number;
  /**
   * The answer of an end actor, which nothing is routed from: an element needs neither payload nor
   * route, and only payloads are given back.
   */
  readonly endActor?: boolean;
}

const QUOTE = 0x22;
const OPEN_OBJECT = 0x7b;
const { maxDepth, maxHeadBytes } = DEFAULT_LIMITS;
/** Members of one element; what the handler adds to those that are read is ignored. */
const MAX_MEMBERS = 10_000;

/** Runs `read`; JSON that breaks the rules is then the handler's error, not the envelope's. */
export function blameHandler<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof EnvelopeError) || error.code !== "msg_parsing_error") throw error;
    throw new EnvelopeError("processing_error", `${what}: ${error.message}`, { cause: error });
  }
}

/** A traceback may hold anything: what is not UTF-8 is replaced rather than refused. */
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function failureOf(code: string, details: Uint8Array | undefined): Failure {
  const text = details && lossy.decode(details);
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  const fallback = `the handler reported ${code} without a message`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { code, message: textIn(value) ?? fallback };
  }
  const known = value as Readonly<Record<string, unknown>>;
  const type = textIn(known["type"]);
  const traceback = textIn(known["traceback"]);
  const mro = known["mro"];
  return {
    code,
    message: textIn(known["message"]) ?? fallback,
    ...type === undefined ? {} : { type },
    ...Array.isArray(mro) ? { mro: mro.filter((name) => typeof name === "string") } : {},
    ...traceback === undefined ? {} : { traceback },
    details: text!,
  };
}

type Values = ReadonlyMap<string, Uint8Array>;

function valuesOf(json: Uint8Array, members: readonly Member[]): Values {
  return new Map(members.map(({ name, start, end }) => [name, json.subarray(start, end)]));
}

/** The element's error code; `null` and the empty text are none. */
function errorCode(values: Values): string | undefined {
  const error = values.get("error");
  const text = error && lossy.decode(error);
  if (text === undefined || text === "null" || text === '""') return undefined;
  return readString(text, "error");
}

function routeAndHeaders(values: Values): { route?: JsonText; headers?: JsonText } {
  const route = values.get("route");
  const headers = values.get("headers");
  const bytes = (route?.length ?? 0) + (headers?.length ?? 0);
  if (bytes > maxHeadBytes) {
    const message = `route and headers of a frame have ${bytes} bytes, more than ${maxHeadBytes}`;
    throw new EnvelopeError("resource_limit", message);
  }
  return {
    ...route ? { route: decodeJson(route, "route") } : {},
    ...headers ? { headers: decodeJson(headers, "headers") } : {},
  };
}

function frameOf(values: Values): Frame {
  const payload = values.get("payload");
  if (!payload) throw new EnvelopeError("msg_parsing_error", "it has no payload");
  if (!values.has("route")) throw new EnvelopeError("msg_parsing_error", "it has no route");
  return { payload, ...routeAndHeaders(values) };
}

/**
 * Reads a version 1 answer: an array of `{"payload", "route", "headers"?}`, in which one element
 * with an `error` makes the whole answer that error. `null` is an answer without frames. Payloads
 * are views into `body`.
 *
 * @throws EnvelopeError processing_error when it is no answer, resource_limit when it has too much
 *
 * @example
 * ```ts
 * import { parseAnswer } from "@asya/envelope";
 * const answer = parseAnswer(new TextEncoder().encode(
 *   '[{"payload":{"n":1},"route":{"actors":["prep","infer"],"current":1}}]',
 * ));
 * if (!("frames" in answer) || answer.frames.length !== 1) throw new Error("one frame expected");
 * ```
 */
export function parseAnswer(body: Uint8Array, options: AnswerOptions = {}): Answer {
  const { maxFrames = DEFAULT_ROUTING_LIMITS.maxFrames, endActor = false } = options;
  const frames: Frame[] = [];
  let failure: Failure | undefined;
  let problem: EnvelopeError | undefined;
  let index = 0;
  const readElement = (at: number): number => {
    const what = `element ${index++} of the handler's answer`;
    if (body[at] !== OPEN_OBJECT) {
      problem ??= new EnvelopeError("processing_error", `${what} is not an object`);
      return valueEnd(body, at, maxDepth);
    }
    const bounds = { payload: "payload", maxDepth, maxItems: MAX_MEMBERS };
    const { members, end } = objectAt(body, at, bounds);
    const values = valuesOf(body, members);
    try {
      const code = blameHandler(what, () => errorCode(values));
      if (code !== undefined) failure ??= failureOf(code, values.get("details"));
      else if (!endActor) frames.push(blameHandler(what, () => frameOf(values)));
      else if (values.has("payload")) frames.push({ payload: values.get("payload")! });
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      problem ??= error; // an error further on says more than what is wrong here
    }
    return end;
  };
  blameHandler("the handler's answer", () => {
    if (!isNull(body)) walkArray(body, maxFrames, readElement);
  });
  if (failure) return { failure };
  if (problem) throw problem;
  return { frames };
}

/**
 * A version 2 frame: its payload, and `route` and `headers` out of its head. Other members of the
 * head (envelope mode sends the whole envelope) are ignored.
 *
 * @throws EnvelopeError processing_error when the head is no JSON object, resource_limit when route
 * and headers are too large
 */
export function frameFromHead(head: Uint8Array, payload: Uint8Array): Frame {
  return blameHandler("the head of a frame", () => {
    const members = scanObject(head, { maxDepth, maxItems: MAX_MEMBERS });
    return { payload, ...routeAndHeaders(valuesOf(head, members)) };
  });
}

/**
 * Reads `{"error": code, "details": {...}}`, a version 2 error. A code that the contract does not
 * know is kept; one that is missing or no text is `processing_error`.
 *
 * @throws EnvelopeError processing_error when it is no JSON object
 */
export function parseFailure(json: Uint8Array): Failure {
  return blameHandler("the handler's error", () => {
    const members = scanObject(json, { maxDepth, maxItems: MAX_MEMBERS, duplicates: true });
    const values = valuesOf(json, members);
    const code = values.get("error")?.[0] === QUOTE ? errorCode(values) : undefined;
    return failureOf(code ?? "processing_error", values.get("details"));
  });
}
