/** Tables of routes: paths, their methods, and 405 for any other method with those that exist. */

import type { Context, Handler, Hono, MiddlewareHandler } from "hono";
import { GatewayError } from "./problem.ts";

/** Handlers by method, e.g. `{ GET: show }`. */
export type Methods = Readonly<Record<string, readonly (Handler | MiddlewareHandler)[] | Handler>>;

/** Methods by path, e.g. `{ "/envelopes/:id": { GET: show } }`. */
export type Routes = Readonly<Record<string, Methods>>;

/** Adds tables of routes to the app; one path may be in several of them. */
export function addRoutes(app: Hono, tables: readonly Routes[]): void {
  const byPath = new Map<string, Methods>();
  for (const [path, methods] of tables.flatMap((table) => Object.entries(table))) {
    byPath.set(path, { ...byPath.get(path), ...methods });
  }
  for (const [path, methods] of byPath) addPath(app, path, methods);
}

function addPath(app: Hono, path: string, methods: Methods): void {
  for (const [method, handlers] of Object.entries(methods)) {
    app.on(method, [path], ...[handlers].flat());
  }
  const allow = Object.keys(methods).join(", ");
  app.all(path, (c: Context) => {
    const message = `${c.req.method} is not possible on ${path}, only ${allow}`;
    throw new GatewayError(405, "method_not_allowed", message, { allow });
  });
}
