/** Why somebody is not let in. */

/** Stable words for it, which are also the `code` that a client is told. */
export type RefusalCode =
  | "unauthorized"
  | "credentials_malformed"
  | "key_invalid"
  | "key_revoked"
  | "key_expired"
  | "token_malformed"
  | "token_algorithm"
  | "token_key_unknown"
  | "token_signature"
  | "token_expired"
  | "token_not_yet_valid"
  | "token_issuer"
  | "token_audience"
  | "token_claims";

/** What was presented is not good for anything here. */
export class Refused extends Error {
  /** The class's name. */
  override readonly name = "Refused";
  /** @param code for programs; the message tells a client no more than it may know */
  constructor(readonly code: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
