/** The header `WWW-Authenticate` (RFC 9110, section 11.6.1), as registries use it. */

/** How a server wants to be asked. */
export interface Challenge {
  /** Lower case, e.g. `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_LENGTH = 8_192;

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';

/** A scheme, or a parameter of the scheme before it. */
const PART = new RegExp(`[\\s,]*(${TOKEN})(?:\\s*=\\s*(?:${QUOTED}|(${TOKEN})))?`, "gy");

/** The challenges in a header, in their order; what cannot be read ends it. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const [, name = "", quoted, token] of header.slice(0, MAX_LENGTH).matchAll(PART)) {
    const value = quoted?.replaceAll(/\\(.)/g, "$1") ?? token;
    if (value === undefined) {
      challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    } else {
      challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
    }
  }
  return challenges;
}
