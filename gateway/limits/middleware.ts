/**
 * Refuses callers who ask too often or too much at once, with 429, `Retry-After` and the header
 * fields of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers (revision 10).
 * Each replica counts for itself.
 */

import type { Context, MiddlewareHandler } from "hono";
import { accessOf } from "../auth/access.ts";
import { ANYBODY, callerOf } from "../auth/caller.ts";
import { GatewayError } from "../http/problem.ts";
import { isStream, whenOver } from "../observe/body_end.ts";
import type { Taken } from "./bucket.ts";
import { Limiter, type Limits } from "./limiter.ts";
import type { Rate } from "./rate.ts";

/** Whoever has too much in flight is told to come back after so many seconds. */
const CONCURRENCY_RETRY_SECONDS = 1;

const seconds = (ms: number) => Math.max(1, Math.ceil(ms / 1_000));

/** `RateLimit-Policy`: the quota `q` in a window of `w` seconds; `RateLimit`: `r` left for `t` seconds. */
export function rateHeaders(rate: Rate, taken: Taken): Record<string, string> {
  const t = seconds(taken.allowed ? taken.fullMs : taken.waitMs);
  return {
    "ratelimit-policy": `"caller";q=${rate.count};w=${rate.perMs / 1_000}`,
    "ratelimit": `"caller";r=${taken.remaining};t=${t}`,
  };
}

function refuse(refused: "rate" | "concurrency", headers: Record<string, string>, wait: number) {
  const [code, message] = refused === "rate"
    ? ["rate_limited", "too many requests; come back after the time in Retry-After"]
    : ["too_many_in_flight", "too many of your requests are under way; wait for one to end"];
  return new GatewayError(429, code!, message!, { "retry-after": `${wait}`, ...headers });
}

/** Bounds the callers' requests. @param defaults for callers without bounds of their own */
export function limitCallers(
  { defaults, now }: { readonly defaults: Limits; readonly now: () => number },
): MiddlewareHandler {
  const limiter = new Limiter();
  return async (c: Context, next) => {
    // Probes, sidecars and hooks are nobody in particular, and have bounds of their own.
    if (accessOf(c.req.method, c.req.path) !== "caller") return await next();
    const caller = callerOf(c.req.raw);
    const name = caller.name === ANYBODY.name ? caller.address ?? caller.name : caller.name;
    const rate = caller.rate ?? defaults.rate;
    const concurrent = caller.concurrent ?? defaults.concurrent;
    const entry = limiter.enter(name, { rate, concurrent }, now());
    const { refused, taken } = entry;
    const headers = rate && taken ? rateHeaders(rate, taken) : {};
    if (refused !== undefined) {
      const wait = taken === undefined ? CONCURRENCY_RETRY_SECONDS : seconds(taken.waitMs);
      throw refuse(refused, headers, wait);
    }
    await next();
    for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
    if (concurrent === undefined || !isStream(c.res)) return entry.leave();
    const response = whenOver(c.res, () => entry.leave());
    c.res = undefined; // else the new one would be given the old one's headers a second time
    c.res = response;
  };
}
