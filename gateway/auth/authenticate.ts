/** Lets callers in: API keys first, then tokens. */

import type { Context, MiddlewareHandler } from "hono";
import { GatewayError } from "../http/problem.ts";
import { accessOf } from "./access.ts";
import { ANYBODY, type Caller, setCaller } from "./caller.ts";
import { challengeText } from "./challenge.ts";
import { readCredentials } from "./credentials.ts";
import { ProviderUnavailable } from "./fetch_json.ts";
import type { Keys } from "./keys.ts";
import { metadataUrl } from "./metadata.ts";
import { Refused } from "./refused.ts";
import type { OAuthOptions, Tokens } from "./tokens.ts";

/** How callers are told. */
export interface Authentication {
  /** API keys, which are looked at first. */
  readonly keys: Pick<Keys, "caller">;
  /** Absent: no tokens are taken. */
  readonly oauth?: { readonly options: OAuthOptions; readonly tokens: Pick<Tokens, "caller"> };
}

/** The other end of the connection, where the server tells it. */
export function remoteAddress(c: Context): string | undefined {
  const { remoteAddr } = (c.env ?? {}) as { remoteAddr?: { hostname?: unknown } };
  return typeof remoteAddr?.hostname === "string" ? remoteAddr.hostname : undefined;
}

async function identify(headers: Headers, { keys, oauth }: Authentication): Promise<Caller> {
  const credentials = readCredentials(headers);
  if (credentials.kind === "key") return await keys.caller(credentials.text);
  if (credentials.kind === "malformed") {
    throw new Refused("credentials_malformed", credentials.why);
  }
  const wanted = oauth ? "an API key or a token" : "an API key";
  if (credentials.kind === "none") {
    const message = `this needs ${wanted}: Authorization: Bearer ..., or X-API-Key`;
    throw new Refused("unauthorized", message);
  }
  if (oauth === undefined) throw new Refused("key_invalid", `this is no API key; send ${wanted}`);
  return await oauth.tokens.caller(credentials.text);
}

/** What the client is told. */
function answer(error: unknown, metadata: string | undefined): unknown {
  if (error instanceof ProviderUnavailable) {
    const message = "the identity provider cannot be reached; the same token may do later";
    return new GatewayError(503, error.code, message, { "retry-after": "2" }, { cause: error });
  }
  if (!(error instanceof Refused)) return error;
  const bad = error.code === "credentials_malformed";
  const header = challengeText({
    metadataUrl: metadata,
    ...error.code === "unauthorized"
      ? {}
      : { error: bad ? "invalid_request" : "invalid_token", description: error.message },
  });
  const headers = { "www-authenticate": header };
  return new GatewayError(bad ? 400 : 401, error.code, error.message, headers, { cause: error });
}

/**
 * Notes who makes each request that needs a caller; what needs none, or something else, passes.
 *
 * @param how `undefined`: nobody is asked, everybody is {@linkcode ANYBODY}
 */
export function authenticate(how: Authentication | undefined): MiddlewareHandler {
  return async (c, next) => {
    const { raw: request, method, path } = c.req;
    const address = remoteAddress(c);
    const access = accessOf(method, path);
    if (how === undefined) {
      setCaller(request, { ...ANYBODY, address });
    } else if (access === "hook") { // its route asks for a signature
      setCaller(request, { name: "hook", tools: "*", address });
    } else if (access === "caller") {
      const metadata = how.oauth && metadataUrl(how.oauth.options, request.url);
      try {
        const caller = await identify(request.headers, how);
        setCaller(request, { ...caller, address, metadataUrl: metadata });
      } catch (error) {
        throw answer(error, metadata);
      }
    }
    await next();
  };
}
