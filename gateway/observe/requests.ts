/** Counts requests: the outermost of all that looks at them. */

import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { GatewayError } from "../http/problem.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { isStream, whenOver } from "./body_end.ts";

const METHODS = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"];

/** The template of a route; a path that has none is not told apart from others. */
function templateOf(path: string): string {
  return path.includes("*") ? "other" : path;
}

/** The middleware. @param now milliseconds, of any clock that does not jump */
export function countRequests(
  metrics: GatewayMetrics,
  now: () => number = () => performance.now(),
): MiddlewareHandler {
  return async (c, next) => {
    const began = now();
    await next();
    const { status } = c.res;
    const method = METHODS.includes(c.req.method) ? c.req.method : "other";
    const route = templateOf(routePath(c, -1));
    metrics.request(route, method, status, (now() - began) / 1_000);
    if (c.error instanceof GatewayError) {
      if (status === 401 || status === 403) metrics.refused(c.error.code);
      if (status === 429) metrics.limited(c.error.code);
    }
    if (!isStream(c.res)) return;
    const response = whenOver(c.res, metrics.stream());
    c.res = undefined; // else the new one would be given the old one's headers a second time
    c.res = response;
  };
}
