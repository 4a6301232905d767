/** What every request passes before its route: counted, told apart, let in, bounded. */

import type { Hono } from "hono";
import { authenticate, type Authentication } from "./auth/authenticate.ts";
import { guardEnvelopes } from "./auth/envelopes.ts";
import { crossOrigin, ownHosts, ownSiteOnly, securityHeaders } from "./http/security.ts";
import { limitCallers } from "./limits/middleware.ts";
import type { Limits } from "./limits/limiter.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { countRequests } from "./observe/requests.ts";
import type { Store } from "./store/store.ts";

/** Who may come in, from where, and how often. */
export interface GuardOptions {
  /** How callers are told; absent: everybody may do everything. */
  readonly authentication?: Authentication;
  /** Of callers without bounds of their own; absent: none. */
  readonly limits?: Limits;
  /** Names that `Host` and `Origin` may have; absent: any, on loopback those of this machine. */
  readonly hosts?: readonly string[];
  /** Origins whose pages may call us; absent: none. */
  readonly origins?: readonly string[];
  /** Tells browsers to come by https only. */
  readonly hsts?: boolean;
}

/** Adds it all; before any route. */
export function addGuards(
  app: Hono,
  o: GuardOptions & {
    readonly store: Store;
    readonly now: () => number;
    readonly loopback: boolean;
    readonly metrics: GatewayMetrics | undefined;
  },
): void {
  const { origins = [], hsts = false, loopback } = o;
  if (o.metrics) app.use(countRequests(o.metrics));
  app.use(securityHeaders({ hsts }));
  app.use(ownSiteOnly({ hosts: ownHosts(loopback, o.hosts), origins, everything: loopback }));
  if (origins.length > 0) app.use(crossOrigin(origins));
  app.use(authenticate(o.authentication));
  app.use(limitCallers({ defaults: o.limits ?? {}, now: o.now }));
  app.use("/envelopes/:id/*", guardEnvelopes(o.store));
}
