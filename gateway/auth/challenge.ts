/** The `WWW-Authenticate` header of a refusal, RFC 6750 section 3 with RFC 9728 section 5.1. */

/** What a client is told to do about it. */
export interface Challenge {
  /** Where to read how tokens are had; absent without OAuth. */
  readonly metadataUrl?: string | undefined;
  /** A code of RFC 6750; absent where nothing was presented. */
  readonly error?: "invalid_request" | "invalid_token" | "insufficient_scope";
  /** For whoever reads it. */
  readonly description?: string;
  /** The scope that would do. */
  readonly scope?: string;
}

/** The header's value. */
export function challengeText(o: Challenge): string {
  const parameters = [
    ["error", o.error],
    ["error_description", o.description],
    ["scope", o.scope],
    ["resource_metadata", o.metadataUrl],
  ].flatMap(([name, value]) => value === undefined ? [] : [`${name}="${quotable(value)}"`]);
  return ["Bearer", parameters.join(", ")].filter((part) => part !== "").join(" ");
}

/** Only what RFC 6750 allows between the quotes. */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'");
}
