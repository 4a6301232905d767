/** The bounds of the wire contract, in one place. */

/** Bounds on what `parseEnvelope` accepts. */
export interface EnvelopeLimits {
  /** The whole body, in bytes. */
  readonly maxBytes: number;
  /** Everything but the payload, in bytes. */
  readonly maxHeadBytes: number;
  /** Actors in the route. */
  readonly maxActors: number;
  /** Levels of nesting outside the payload, the envelope itself included. */
  readonly maxDepth: number;
}

/** What `parseEnvelope` accepts unless told otherwise. */
export const DEFAULT_LIMITS: EnvelopeLimits = {
  maxBytes: 256 * 2 ** 20,
  maxHeadBytes: 256 * 2 ** 10,
  maxActors: 1_000,
  maxDepth: 512,
};

/** Bounds on where an answer may lead. */
export interface RoutingLimits {
  /** Hops of one envelope; one more is a `route_error`. */
  readonly maxHops: number;
  /** Frames in one answer; one more is a `resource_limit`. */
  readonly maxFrames: number;
  /** All outgoing envelopes of one answer together, in bytes; more is a `resource_limit`. */
  readonly maxBytes: number;
  /** Fan-outs of fan-outs; one more is a `resource_limit`. */
  readonly maxDepth: number;
}

/** What `routeAnswer` accepts unless told otherwise. */
export const DEFAULT_ROUTING_LIMITS: RoutingLimits = {
  maxHops: 1_000,
  maxFrames: 10_000,
  maxBytes: 256 * 2 ** 20,
  maxDepth: 8,
};
