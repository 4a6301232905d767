/** From a handler's frames to the envelopes that go out, and to whom. */

import { blameHandler } from "./answer.ts";
import { encodeHead } from "./encode.ts";
import type { Envelope, Frame, JsonMembers, Route } from "./envelope.ts";
import { EnvelopeError } from "./failure.ts";
import { childId, fanoutDepth, fanoutHeaders } from "./fanout.ts";
import { FANOUT_HEADER, HOPS_HEADER, hopsOf, outgoingHeaders } from "./headers.ts";
import { encodeJson, isNull, readMembers, shown } from "./json.ts";
import { DEFAULT_LIMITS, DEFAULT_ROUTING_LIMITS, type RoutingLimits } from "./limits.ts";
import { advance, currentActor, readRoute } from "./route.ts";

/** One outgoing envelope and the actor whose queue it goes to. */
export interface Routed {
  /** An actor of the route, or the end actor. */
  readonly actor: string;
  /** What that actor receives. */
  readonly envelope: Envelope;
}

const { maxActors, maxDepth, maxHeadBytes } = DEFAULT_LIMITS;

function checkPrefix(before: Route, after: Route): void {
  for (let index = 0; index <= before.current; index++) {
    const name = before.actors[index];
    const own = after.actors[index];
    if (name === undefined || name === own) continue;
    const found = own === undefined ? "nothing" : shown(own);
    const message = `the answer changes route.actors[${index}] from ${shown(name)} to ${found}: ` +
      `only what follows route.current (${before.current}) may be changed`;
    throw new EnvelopeError("processing_error", message);
  }
}

/** The frame's own route, or the input's advanced. What the frame's does not mention is kept. */
function frameRoute(input: Route, { route: text }: Frame): Route {
  if (text === undefined) return advance(input);
  const limits = { maxActors, maxDepth, outOfBounds: "route_error", needsCurrent: true } as const;
  const own = blameHandler("the answer", () => readRoute(encodeJson(text), limits));
  checkPrefix(input, own);
  const metadata = own.metadata ?? input.metadata;
  return {
    ...own,
    ...metadata === undefined ? {} : { metadata },
    extra: new Map([...input.extra, ...own.extra]),
  };
}

function frameHeaders({ headers: text }: Frame): JsonMembers | undefined {
  if (text === undefined) return undefined;
  const json = encodeJson(text);
  return blameHandler(
    "the answer",
    () => isNull(json) ? new Map() : readMembers(json, "headers", { maxDepth }),
  );
}

/**
 * Where the frames of a handler's answer go. Without frames the input goes to `happyEnd` as it
 * came, but for `status`, which is always dropped. Of several, frame 0 keeps the id, and each
 * carries the header `x-asya-fanout`. `x-asya-hops` counts up; `traceparent` and `x-asya-*` come from the input whatever the
 * handler says.
 *
 * @throws EnvelopeError processing_error where a frame's route or headers are malformed or the route
 * changes what is behind; route_error where `current` points outside the route or `maxHops` is
 * used up; resource_limit beyond `maxFrames`, `maxBytes`, `maxDepth` or the bounds on an envelope's
 * head
 *
 * @example
 * ```ts
 * import { parseEnvelope, routeAnswer } from "@asya/envelope";
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * const input = parseEnvelope(bytes('{"id":"e-1","route":{"actors":["a","b"]},"payload":1}'));
 * const [out] = routeAnswer(input, [{ payload: bytes("2") }], { happyEnd: "happy-end" });
 * if (out?.actor !== "b") throw new Error("b is next");
 * ```
 */
export function routeAnswer(
  input: Envelope,
  frames: readonly Frame[],
  o: { readonly happyEnd: string } & Partial<RoutingLimits>,
): Routed[] {
  const { happyEnd, ...limits } = { ...DEFAULT_ROUTING_LIMITS, ...o };
  const { status: _, ...kept } = input;
  if (frames.length === 0) return [{ actor: happyEnd, envelope: kept }];
  if (frames.length > limits.maxFrames) {
    const message = `the answer has ${frames.length} frames, more than ${limits.maxFrames}`;
    throw new EnvelopeError("resource_limit", message);
  }
  const hops = hopsOf(input) + 1;
  if (hops > limits.maxHops) {
    const message = `the envelope has made ${limits.maxHops} hops, which is the limit: a loop?`;
    throw new EnvelopeError("route_error", message);
  }
  const isFanOut = frames.length > 1;
  if (isFanOut && fanoutDepth(input) >= limits.maxDepth) {
    const message = `${limits.maxDepth} fan-outs lie behind the envelope, which is the limit`;
    throw new EnvelopeError("resource_limit", message);
  }
  const marks = isFanOut ? fanoutHeaders(input, frames) : [];
  let bytes = 0;
  return frames.map((frame, index) => {
    const headers = new Map(outgoingHeaders(input, frameHeaders(frame)));
    headers.set(HOPS_HEADER, String(hops));
    if (isFanOut) headers.set(FANOUT_HEADER, marks[index]!);
    const envelope: Envelope = {
      ...kept,
      id: childId(input, index),
      ...index > 0 ? { parentId: input.id } : {},
      route: frameRoute(input.route, frame),
      headers,
      payload: frame.payload,
    };
    const head = encodeHead(envelope).length;
    if (head > maxHeadBytes) {
      const message = `route, headers and the like would take more than ${maxHeadBytes} bytes`;
      throw new EnvelopeError("resource_limit", message);
    }
    bytes += head + frame.payload.length;
    if (bytes > limits.maxBytes) {
      const message = `the envelopes of the answer (${frames.length}) would take more than ` +
        `${limits.maxBytes} bytes together`;
      throw new EnvelopeError("resource_limit", message);
    }
    return { actor: currentActor(envelope) ?? happyEnd, envelope };
  });
}
