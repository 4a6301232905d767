/** Headers: reading one, setting one, and the names that the system keeps for itself. */

import type { Envelope, JsonMembers, JsonText } from "./envelope.ts";

/** How many hops lie behind an envelope: a JSON number. */
export const HOPS_HEADER = "x-asya-hops";
/** Where an envelope stands among its siblings: `{parent, index, count, depth, answer}`. */
export const FANOUT_HEADER = "x-asya-fanout";
/** The actor that a finished frame waits for because its queue was missing. */
export const FORWARD_HEADER = "x-asya-forward";
/** Values for custom metrics, from a version 1 handler; never passed on. */
export const METRICS_HEADER = "x-asya-metrics";
/** W3C trace context. */
export const TRACEPARENT_HEADER = "traceparent";

/** Whether a handler can neither set nor drop this header. */
export function isReservedHeader(name: string): boolean {
  return name === TRACEPARENT_HEADER || name.startsWith("x-asya-");
}

/** The value of a header that is a JSON string; `undefined` when it is absent or something else. */
export function headerText(e: Envelope, name: string): string | undefined {
  const text = e.headers?.get(name);
  return text?.startsWith('"') ? JSON.parse(text) : undefined;
}

/** The envelope with one header set or replaced. */
export function withHeader(e: Envelope, name: string, value: JsonText): Envelope {
  return { ...e, headers: new Map(e.headers).set(name, value) };
}

/** The envelope without one header; without `headers` altogether when it was the only one. */
export function withoutHeader(e: Envelope, name: string): Envelope {
  if (!e.headers?.has(name)) return e;
  const { headers, ...rest } = e;
  const left = new Map(headers);
  left.delete(name);
  return left.size > 0 ? { ...rest, headers: left } : rest;
}

/** How many hops lie behind an envelope; 0 where the header is absent or no whole number. */
export function hopsOf(e: Envelope): number {
  const hops = Number(e.headers?.get(HOPS_HEADER) ?? 0);
  return Number.isInteger(hops) && hops >= 0 ? hops : 0;
}

/**
 * The headers of an outgoing envelope: the handler's where it gave any, else the input's; the
 * reserved ones always from the input; never the metrics.
 */
export function outgoingHeaders(input: Envelope, own: JsonMembers | undefined): JsonMembers {
  const headers = new Map<string, JsonText>();
  for (const [name, value] of own ?? []) if (!isReservedHeader(name)) headers.set(name, value);
  for (const [name, value] of input.headers ?? []) {
    if (own === undefined || isReservedHeader(name)) headers.set(name, value);
  }
  headers.delete(METRICS_HEADER);
  return headers;
}
