/**
 * The wire contract as pure code: envelopes, routes, fan-out, failures, deadlines, retries. Nothing
 * in here does any I/O.
 *
 * @module
 */

export {
  type Answer,
  type AnswerOptions,
  frameFromHead,
  parseAnswer,
  parseFailure,
} from "./answer.ts";
export { msLeft, parseTimestamp } from "./deadline.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { encodeEnvelope, encodeHead } from "./encode.ts";
export type { Envelope, Frame, JsonMembers, JsonText, Route, Status } from "./envelope.ts";
export { errorEnvelope } from "./error_envelope.ts";
export { EnvelopeError, ERROR_CODES, type ErrorCode, type Failure } from "./failure.ts";
export {
  FANOUT_HEADER,
  FORWARD_HEADER,
  headerText,
  HOPS_HEADER,
  hopsOf,
  METRICS_HEADER,
  withHeader,
  withoutHeader,
} from "./headers.ts";
export { type Member, scanArray, scanObject, type ScanOptions } from "./json.ts";
export {
  DEFAULT_LIMITS,
  DEFAULT_ROUTING_LIMITS,
  type EnvelopeLimits,
  type RoutingLimits,
} from "./limits.ts";
export { encodeId, isActorName, isEnvelopeId, malformedId } from "./names.ts";
export { wrapMalformed } from "./malformed.ts";
export { cutErrorEnvelope } from "./oversize.ts";
export { parseEnvelope } from "./parse.ts";
export {
  type Backoff,
  NO_RESILIENCY,
  parseResiliency,
  type Resiliency,
  ResiliencyError,
  type RetryPolicy,
  type RetryRule,
} from "./resiliency.ts";
export { decideRetry, type RetryDecision, type RetryQuestion } from "./retry.ts";
export { advance, currentActor } from "./route.ts";
export { routeAnswer, type Routed } from "./routing.ts";
