/** Who makes a request, as far as it matters: what he may use, and how much of it. */

import { GatewayError } from "../http/problem.ts";
import type { Rate } from "../limits/rate.ts";
import { challengeText } from "./challenge.ts";
import { allows, NO_TOOLS, type Scope, scopeWord } from "./scope.ts";

/** Somebody who was let in. */
export interface Caller {
  /** `key:ID`, `oauth:SUBJECT` or `anybody`: for logs, limits, and to tell callers apart. */
  readonly name: string;
  /** What he may call and see. */
  readonly tools: Scope;
  /** His own bounds, where they differ from everybody's. */
  readonly rate?: Rate | undefined;
  /** Requests in flight. */
  readonly concurrent?: number | undefined;
  /** The other end of the connection: a client, or the proxy before us. */
  readonly address?: string | undefined;
  /** For a refusal: where a client reads how tokens are had. */
  readonly metadataUrl?: string | undefined;
}

/** Whoever comes, where nobody is asked who he is. */
export const ANYBODY: Caller = { name: "anybody", tools: "*" };

/** A request that nobody let in: it may use nothing. */
const NOBODY: Caller = { name: "nobody", tools: NO_TOOLS };

const callers = new WeakMap<Request, Caller>();

/** Notes who makes a request. */
export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

/** Who makes a request; one that was not let in may use nothing. */
export function callerOf(request: Request): Caller {
  return callers.get(request) ?? NOBODY;
}

/**
 * Refuses a caller whose scope does not have the tool, whether there is such a tool or not.
 *
 * @throws GatewayError 403 `scope_insufficient`
 */
export function requireTool(caller: Caller, tool: string): void {
  if (allows(caller.tools, tool)) return;
  const message = `you may not use the tool ${JSON.stringify(tool.slice(0, 200))}`;
  throw insufficient(caller, message, scopeWord(tool.slice(0, 200)));
}

/** 403, with the scope that would do. */
export function insufficient(
  { metadataUrl }: Caller,
  message: string,
  scope: string,
): GatewayError {
  const header = challengeText({ error: "insufficient_scope", scope, metadataUrl });
  return new GatewayError(403, "scope_insufficient", message, { "www-authenticate": header });
}
