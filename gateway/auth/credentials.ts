/** What a request presents: an API key or a token, in the headers where those belong. */

/** Longest key or token, in characters. */
export const MAX_CREDENTIAL = 8_192;

/** An API key begins with this. */
export const KEY_PREFIX = "asya_";

/** What a request presents. */
export type Credentials =
  | { readonly kind: "none" }
  | { readonly kind: "key"; readonly text: string }
  | { readonly kind: "token"; readonly text: string }
  | { readonly kind: "malformed"; readonly why: string };

/** Reads `Authorization: Bearer` and `X-API-Key`; a request has one of them. */
export function readCredentials(headers: Headers): Credentials {
  const authorization = headers.get("authorization");
  const apiKey = headers.get("x-api-key");
  if (authorization !== null && apiKey !== null) {
    return { kind: "malformed", why: "send Authorization or X-API-Key, not both" };
  }
  if (authorization === null && apiKey === null) return { kind: "none" };
  const bearer = /^Bearer +([^\s,]+)$/i.exec(authorization ?? "")?.[1];
  const text = apiKey ?? bearer;
  if (text === undefined) {
    return { kind: "malformed", why: "Authorization must be: Bearer <key or token>" };
  }
  if (text.length > MAX_CREDENTIAL) {
    return { kind: "malformed", why: `keys and tokens have at most ${MAX_CREDENTIAL} characters` };
  }
  return { kind: apiKey !== null || text.startsWith(KEY_PREFIX) ? "key" : "token", text };
}
