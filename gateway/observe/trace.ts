/** The trace that a call belongs to: W3C Trace Context, https://www.w3.org/TR/trace-context/ */

/** Longest `tracestate` that is handed on, in characters. */
const MAX_STATE = 512;

/** The headers of an envelope that say which trace it belongs to. */
export interface Trace {
  readonly traceparent: string;
  readonly tracestate?: string;
}

const FORM = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;

/**
 * The caller's trace, as it is: the gateway has no span of its own that could be the parent. Where
 * there is none, or none that is valid, a new one, which whoever takes part may record.
 *
 * @param random fills the bytes it is given
 */
export function traceOf(
  headers: Headers,
  random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (bytes) =>
    crypto.getRandomValues(bytes),
): Trace {
  const given = headers.get("traceparent")?.trim();
  const later = given !== undefined && !given.startsWith("00-");
  if (given !== undefined && FORM.test(given) && (later || given.length === 55)) {
    const tracestate = headers.get("tracestate");
    // Of a later version only what version 00 has is known.
    const traceparent = later ? `00-${given.slice(3, 55)}` : given;
    if (tracestate === null || tracestate.length > MAX_STATE) return { traceparent };
    return { traceparent, tracestate };
  }
  const id = random(new Uint8Array(16)).toHex();
  const span = random(new Uint8Array(8)).toHex();
  return { traceparent: `00-${id}-${span}-01` };
}
