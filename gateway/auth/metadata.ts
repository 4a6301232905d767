/** How clients learn where tokens are had: OAuth 2.0 Protected Resource Metadata, RFC 9728. */

import type { Routes } from "../http/methods.ts";
import { scopeWord } from "./scope.ts";
import type { OAuthOptions } from "./tokens.ts";

const WELL_KNOWN = "/.well-known/oauth-protected-resource";

/**
 * Where clients reach us: the origin of the first audience that is a URL, else of the request,
 * which behind a proxy is the proxy's way in.
 */
function originOf({ audiences }: OAuthOptions, requestUrl: string): string {
  const url = audiences.map((audience) => URL.parse(audience))
    .find((url) => url?.protocol === "https:" || url?.protocol === "http:");
  return (url ?? new URL(requestUrl)).origin;
}

/** Where the metadata of the resource that was asked for is: `/mcp` has its own. */
export function metadataUrl(oauth: OAuthOptions, requestUrl: string): string {
  const path = new URL(requestUrl).pathname === "/mcp" ? "/mcp" : "";
  return `${originOf(oauth, requestUrl)}${WELL_KNOWN}${path}`;
}

/** The documents. */
export function metadataRoutes(oauth: OAuthOptions): Routes {
  const document = (path: string): Routes[string] => ({
    GET: (c) =>
      c.json({
        resource: `${originOf(oauth, c.req.url)}${path}`,
        authorization_servers: [oauth.issuer],
        scopes_supported: [scopeWord("*")],
        bearer_methods_supported: ["header"],
        resource_name: "Asya gateway",
      }),
  });
  return { [WELL_KNOWN]: document(""), [`${WELL_KNOWN}/mcp`]: document("/mcp") };
}
