/** What a browser may do with us: which names and origins lead here, and what a page may load. */

import type { Context, MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { accessOf } from "../auth/access.ts";
import { GatewayError } from "./problem.ts";

const LOOPBACK_NAMES: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
const PREFLIGHT_SECONDS = 600;
const YEAR_SECONDS = 31_536_000;

/** A page of ours loads what we serve, and is framed by nobody. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Which names and origins are ours. */
export interface SiteOptions {
  /** Names that requests may carry in `Host`, without ports; `undefined`: any. */
  readonly hosts: readonly string[] | undefined;
  /** Origins whose pages may call us, e.g. `https://app.example.com`. */
  readonly origins: readonly string[];
}

/** The names of a gateway that serves only its own machine, and what a list adds to them. */
export function ownHosts(
  loopback: boolean,
  hosts: readonly string[] | undefined,
): readonly string[] | undefined {
  if (!loopback) return hosts;
  return [...LOOPBACK_NAMES, ...hosts ?? []];
}

function hostnameOf(url: string): string {
  return URL.parse(url)?.hostname ?? "";
}

/** A host without its port. */
function nameOf(host: string): string {
  const plain = /^([a-z0-9.-]+)(?::[0-9]+)?$/.exec(host)?.[1]; // a URL is slow to parse
  return plain ?? hostnameOf(`http://${host}`);
}

/**
 * Refuses requests by a name that is not ours, and from pages of other sites: a page that a browser
 * has open must not reach us by a name that was bent to our address (DNS rebinding). Probes and
 * sidecars come by addresses that change, and are no browsers: they may use any name, except where
 * `everything` is guarded.
 */
export function ownSiteOnly(
  { hosts, origins, everything }: SiteOptions & { readonly everything: boolean },
): MiddlewareHandler {
  if (hosts === undefined) return async (_, next) => await next();
  const names: ReadonlySet<string> = new Set(hosts);
  return async (c: Context, next) => {
    const access = accessOf(c.req.method, c.req.path);
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    const origin = c.req.header("origin");
    const exempt = !everything && (access === "public" || access === "mesh");
    const foreignHost = !exempt && !names.has(nameOf(host));
    const foreignOrigin = origin !== undefined && !origins.includes(origin) &&
      !names.has(hostnameOf(origin));
    if (foreignHost || foreignOrigin) {
      const found = foreignHost ? host : origin!;
      const message = `this gateway does not serve ${found.slice(0, 200)}`;
      throw new GatewayError(403, "foreign_origin", message);
    }
    await next();
  };
}

/** Lets pages of these origins call us, with keys or tokens of their own; there are no cookies. */
export function crossOrigin(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: [...origins],
    allowMethods: ["GET", "HEAD", "POST", "DELETE"],
    allowHeaders: [
      ...["authorization", "x-api-key", "content-type", "idempotency-key", "prefer"],
      ...["last-event-id", "traceparent", "tracestate"],
      ...["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id"],
    ],
    exposeHeaders: [
      ...["location", "retry-after", "ratelimit", "ratelimit-policy", "preference-applied"],
      ...["www-authenticate", "traceparent"],
    ],
    maxAge: PREFLIGHT_SECONDS,
  });
}

/** Headers of every answer. @param hsts browsers come by https only, for a year */
export function securityHeaders({ hsts }: { readonly hsts: boolean }): MiddlewareHandler {
  const headers: Record<string, string> = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    ...hsts ? { "strict-transport-security": `max-age=${YEAR_SECONDS}` } : {},
  };
  const entries = Object.entries(headers);
  return async (c, next) => {
    await next();
    for (const [name, value] of entries) c.res.headers.set(name, value);
  };
}
