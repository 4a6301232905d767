/** Whether a body comes from somebody who knows the secret. */

import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * Checks an HMAC-SHA256 of the body as hooks carry it in a header: `sha256=` and hex, hex alone, or
 * base64. How long it takes does not depend on where a wrong one is wrong.
 */
export function isSigned(body: Uint8Array, secret: string, header: string | undefined): boolean {
  const expected = createHmac("sha256", secret).update(body).digest();
  const given = readSignature(header ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function readSignature(header: string): Uint8Array {
  const [, hex] = /^(?:sha256=)?([0-9a-f]{64})$/i.exec(header.trim()) ?? [];
  if (hex !== undefined) return Uint8Array.fromHex(hex);
  const [, base64] = /^(?:sha256=)?([A-Za-z0-9+/]{43}=)$/.exec(header.trim()) ?? [];
  return base64 === undefined ? new Uint8Array() : Uint8Array.fromBase64(base64);
}
