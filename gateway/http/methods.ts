/** One path, its methods; any other method gets 405 with the list of those that exist. */

import type { Context, Handler, Hono, MiddlewareHandler } from "hono";
import { GatewayError } from "./problem.ts";

/** Handlers by method, e.g. `{ GET: show }`. */
export type Methods = Readonly<Record<string, readonly (Handler | MiddlewareHandler)[] | Handler>>;

/** Adds a path to the app. */
export function addRoute(app: Hono, path: string, methods: Methods): void {
  for (const [method, handlers] of Object.entries(methods)) {
    app.on(method, [path], ...[handlers].flat());
  }
  const allow = Object.keys(methods).join(", ");
  app.all(path, (c: Context) => {
    const message = `${c.req.method} is not possible on ${path}, only ${allow}`;
    throw new GatewayError(405, "method_not_allowed", message, { allow });
  });
}
