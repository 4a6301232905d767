/** The route that an envelope carries: reading it, whose turn it is, the step to the next actor. */

import type { Envelope, JsonText, Route } from "./envelope.ts";
import { EnvelopeError, type ErrorCode } from "./failure.ts";
import { readMembers, shown } from "./json.ts";
import { isActorName } from "./names.ts";

function invalid(message: string): EnvelopeError {
  return new EnvelopeError("msg_parsing_error", message);
}

function readActors(text: JsonText | undefined, maxActors: number): string[] {
  if (text === undefined) throw invalid("route has no actors");
  const actors: unknown = JSON.parse(text);
  if (!Array.isArray(actors)) throw invalid("route.actors must be an array");
  if (actors.length === 0) throw invalid("route.actors must not be empty");
  if (actors.length > maxActors) {
    const message = `route.actors has ${actors.length} names, more than ${maxActors}`;
    throw new EnvelopeError("resource_limit", message);
  }
  for (const [index, name] of actors.entries()) {
    if (typeof name !== "string") throw invalid(`route.actors[${index}] must be a string`);
    if (!isActorName(name)) {
      throw invalid(
        `route.actors[${index}] is ${
          shown(name)
        }: an actor's name has 1 to 63 of a-z 0-9 -, no - at either end, and does not end in -dlq`,
      );
    }
  }
  return actors;
}

/** `-1` is an integer and out of bounds; `1.0`, `"1"` and `true` are no integers. */
function readCurrent(text: JsonText, length: number, outOfBounds: ErrorCode): number {
  if (!/^-?(0|[1-9][0-9]*)$/.test(text)) throw invalid("route.current must be an integer");
  const current = Number(text) || 0; // -0 is 0
  if (current >= 0 && current <= length) return current;
  throw new EnvelopeError(
    outOfBounds,
    `route.current is out of bounds: 0 to ${length} is possible`,
  );
}

/** Takes a member out; `null` reads as absent. */
function take(members: Map<string, JsonText>, name: string): JsonText | undefined {
  const text = members.get(name);
  members.delete(name);
  return text === "null" ? undefined : text;
}

/** How {@linkcode readRoute} reads. */
export interface RouteOptions {
  readonly maxActors: number;
  readonly maxDepth?: number;
  /** The code of the error for a `current` outside the route; default: msg_parsing_error. */
  readonly outOfBounds?: ErrorCode;
  /** Whether `current` must be there; otherwise its absence means 0. */
  readonly needsCurrent?: boolean;
}

/**
 * Reads a route. Its older form has `steps` in place of `actors`.
 *
 * @throws EnvelopeError msg_parsing_error where it is malformed, resource_limit for too many actors
 */
export function readRoute(json: Uint8Array, options: RouteOptions): Route {
  const { maxActors, maxDepth = Infinity, outOfBounds = "msg_parsing_error" } = options;
  const extra = readMembers(json, "route", { maxDepth });
  const actors = readActors(take(extra, "actors") ?? take(extra, "steps"), maxActors);
  const at = take(extra, "current") ?? (options.needsCurrent ? undefined : "0");
  if (at === undefined) throw invalid("route has no current");
  const current = readCurrent(at, actors.length, outOfBounds);
  const metadata = take(extra, "metadata");
  if (metadata === undefined) return { actors, current, extra };
  if (!metadata.startsWith("{")) throw invalid("route.metadata must be an object");
  return { actors, current, metadata, extra };
}

/** The actor whose turn it is; `undefined` when the route is finished. */
export function currentActor(e: Envelope): string | undefined {
  return e.route.actors[e.route.current];
}

/**
 * The route one step further.
 *
 * @throws EnvelopeError route_error when it is finished already
 */
export function advance(route: Route): Route {
  if (route.current < route.actors.length) return { ...route, current: route.current + 1 };
  throw new EnvelopeError("route_error", "the route is finished: there is no actor to go on to");
}
