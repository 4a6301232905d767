/** The `Idempotency-Key` header, https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header. */

import { GatewayError } from "./problem.ts";

const MAX_CHARS = 255;

/**
 * The key, as it was sent.
 *
 * @throws GatewayError 400 `idempotency_key_invalid`
 */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (header !== "" && header.length <= MAX_CHARS) return header;
  const message = `Idempotency-Key must have 1 to ${MAX_CHARS} characters`;
  throw new GatewayError(400, "idempotency_key_invalid", message);
}
