/**
 * Tells callers by OAuth access tokens: JSON Web Tokens (RFC 9068) that an issuer signed for us.
 * The scope `tools:NAME` gives the tool, `tools:*` all.
 */

import { errors, type JWTPayload, jwtVerify } from "jose";
import type { Caller } from "./caller.ts";
import { KeySet } from "./key_set.ts";
import { type RefusalCode, Refused } from "./refused.ts";
import { scopeOfWords } from "./scope.ts";

/** Signatures whose key is not a secret that we would share; never `none`, never an HMAC. */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
/** How far the issuer's clock may be off, in seconds. */
const LEEWAY_SECONDS = 30;
/** Longest subject, in characters, and how many words of a scope are looked at. */
const MAX_SUBJECT = 256;
const MAX_WORDS = 1_000;

/** Whose tokens are taken. */
export interface OAuthOptions {
  /** The `iss` of the tokens, an https URL. */
  readonly issuer: string;
  /** One of these is in the `aud` of a token. */
  readonly audiences: readonly string[];
  /** Where the issuer's keys are; absent: where its metadata says. */
  readonly jwksUrl?: string | undefined;
}

const BY_CLAIM: Readonly<Record<string, readonly [RefusalCode, string]>> = {
  aud: ["token_audience", "the token is for another audience"],
  iss: ["token_issuer", "the token is from another issuer"],
  nbf: ["token_not_yet_valid", "the token is not valid yet"],
};

function refusal(error: errors.JOSEError): Refused {
  const made = (code: RefusalCode, message: string) => new Refused(code, message, { cause: error });
  if (error instanceof errors.JWTExpired) return made("token_expired", "the token has expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    const [code, message] = BY_CLAIM[error.claim] ??
      ["token_claims", "a claim is missing or wrong"];
    return made(code, message);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return made("token_algorithm", "the token's algorithm is not allowed");
  }
  if (
    error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys
  ) {
    return made("token_key_unknown", "the token's key is none of the issuer's");
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return made("token_signature", "the token's signature is wrong");
  }
  return made("token_malformed", "this is no token");
}

function words(claim: unknown): string[] {
  const list = typeof claim === "string" ? claim.split(" ") : Array.isArray(claim) ? claim : [];
  return list.filter((word) => typeof word === "string").slice(0, MAX_WORDS);
}

/** Who the claims speak of. `scp` is what some issuers call the scope. @throws Refused */
export function callerOfClaims({ sub, client_id: client, scope, scp }: JWTPayload): Caller {
  const subject = sub ?? client;
  if (typeof subject !== "string" || subject === "" || subject.length > MAX_SUBJECT) {
    throw new Refused("token_claims", "the token names no subject");
  }
  return { name: `oauth:${subject}`, tools: scopeOfWords([...words(scope), ...words(scp)]) };
}

/** Checks tokens. */
export class Tokens {
  readonly #o: OAuthOptions;
  readonly #keys: KeySet;
  readonly #now: () => number;

  /** Tokens of that issuer. @param now milliseconds since 1970 */
  constructor(options: OAuthOptions, now: () => number) {
    this.#o = options;
    this.#now = now;
    this.#keys = new KeySet(options.issuer, options.jwksUrl, now);
  }

  /**
   * Whose token it is.
   *
   * @throws Refused; ProviderUnavailable where the issuer's keys cannot be had
   */
  async caller(token: string): Promise<Caller> {
    const { issuer, audiences } = this.#o;
    try {
      const { payload } = await jwtVerify(
        token,
        (header, input) => this.#keys.find(header!, input),
        {
          issuer,
          audience: [...audiences],
          algorithms: ALGORITHMS,
          clockTolerance: LEEWAY_SECONDS,
          currentDate: new Date(this.#now()),
          requiredClaims: ["exp"],
        },
      );
      return callerOfClaims(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) throw refusal(error);
      if (error instanceof TypeError) { // a key of the set that is not good for the algorithm
        throw new Refused("token_key_unknown", "the token's key cannot be used", { cause: error });
      }
      throw error;
    }
  }
}
