/**
 * Guards a gateway that serves only its own machine: a web page that a browser has open must reach
 * it neither by a foreign Origin nor by a name that was bent to 127.0.0.1 (DNS rebinding).
 */

import type { MiddlewareHandler } from "hono";
import { GatewayError } from "./problem.ts";

const OWN_NAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether an address to listen on reaches this machine only. */
export function isLoopbackAddress(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

function hostnameOf(url: string): string | undefined {
  return URL.parse(url)?.hostname;
}

/** Refuses requests whose Host or Origin is not this machine. */
export function loopbackOnly(): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    const origin = c.req.header("origin");
    const named = [`http://${host}`, ...origin === undefined ? [] : [origin]];
    const foreign = named.find((url) => !OWN_NAMES.has(hostnameOf(url) ?? ""));
    if (foreign !== undefined) {
      const message = `this gateway serves its own machine only, not ${foreign.slice(0, 200)}`;
      throw new GatewayError(403, "foreign_origin", message);
    }
    await next();
  };
}
