/**
 * API keys, `asya_<id>_<secret>`. The store has the secret's SHA-256 alone. A slow hash is for
 * what people think up: 256 random bits cannot be guessed however fast each guess is.
 */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { KEY_PREFIX } from "./credentials.ts";

/** What is known of a key. */
export interface ApiKey {
  /** Names it in lists and logs; not secret. */
  readonly id: string;
  /** Whose or what for. */
  readonly name: string;
  /** SHA-256 of the secret, in hex. */
  readonly hash: string;
  /** Names of tools; `*` for all. */
  readonly tools: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** From when on it is refused; absent: never. */
  readonly expiresAt?: number;
  /** Since when it is refused. */
  readonly revokedAt?: number;
  /** Requests in a time, e.g. `10/s`; absent: as everybody. */
  readonly rate?: string;
  /** Requests in flight; absent: as everybody. */
  readonly concurrent?: number;
}

/** A key as its holder presents it. */
interface PresentedKey {
  readonly id: string;
  readonly secret: string;
}

const ID_BYTES = 8;
const SECRET_BYTES = 32;
const FORM = new RegExp(
  `^${KEY_PREFIX}([0-9a-f]{${2 * ID_BYTES}})_([0-9a-f]{${2 * SECRET_BYTES}})$`,
);

/** What an id looks like. */
export function isKeyId(text: string): boolean {
  return new RegExp(`^[0-9a-f]{${2 * ID_BYTES}}$`).test(text);
}

/** Takes a key apart; `undefined` where it is none. */
export function parseKey(text: string): PresentedKey | undefined {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Whether the secret is the key's; takes as long either way. */
export function isSecretOf(secret: string, { hash }: Pick<ApiKey, "hash">): boolean {
  const [given, kept] = [Buffer.from(hashOf(secret), "hex"), Buffer.from(hash, "hex")];
  return given.length === kept.length && timingSafeEqual(given, kept);
}

/**
 * Makes a key: what the store keeps, and the text that its holder is told once.
 *
 * @param random fills the bytes it is given
 */
export function newKey(
  o: Omit<ApiKey, "id" | "hash" | "revokedAt">,
  random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (bytes) =>
    crypto.getRandomValues(bytes),
): { readonly key: ApiKey; readonly text: string } {
  const id = random(new Uint8Array(ID_BYTES)).toHex();
  const secret = random(new Uint8Array(SECRET_BYTES)).toHex();
  return { key: { ...o, id, hash: hashOf(secret) }, text: `${KEY_PREFIX}${id}_${secret}` };
}
