/**
 * The keys that an issuer signs with: its JSON Web Key Set (RFC 7517), read when it is needed,
 * kept for a while, and read anew where a token names a key that is not in it.
 */

import {
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWTHeaderParameters,
} from "jose";
import { z } from "zod";
import { fetchJson, ProviderUnavailable } from "./fetch_json.ts";

/** How long keys are used before they are read again, in milliseconds. */
const FRESH_MS = 600_000;
/** Between two readings because of an unknown key, and after one that failed, in milliseconds. */
const COOLDOWN_MS = 30_000;
const FAILED_COOLDOWN_MS = 2_000;
/** Keys of one issuer. */
const MAX_KEYS = 100;

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });
const metadata = z.object({ issuer: z.string(), jwks_uri: z.url() });

/**
 * Where an issuer's metadata may be: OpenID Connect Discovery puts the path behind the issuer,
 * RFC 8414 before the issuer's own path.
 */
export function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

/** The address of the keys, as the issuer's metadata says. @throws ProviderUnavailable */
async function discover(issuer: string): Promise<string> {
  let failure: unknown;
  for (const url of metadataUrls(issuer)) {
    try {
      const found = metadata.parse(await fetchJson(url));
      const safe = new URL(found.jwks_uri).protocol === new URL(issuer).protocol;
      if (found.issuer === issuer && safe) return found.jwks_uri;
      const named = `${found.issuer} with keys at ${found.jwks_uri}`.slice(0, 500);
      failure = new Error(`${url} is the metadata of ${named}`);
    } catch (error) {
      failure = error;
    }
  }
  throw new ProviderUnavailable(`cannot find the keys of ${issuer}; set the address of its JWKS`, {
    cause: failure,
  });
}

type Local = ReturnType<typeof createLocalJWKSet>;

/** Finds the key of a token. */
export class KeySet {
  readonly #issuer: string;
  readonly #now: () => number;
  #url: string | undefined;
  #local: Local | undefined;
  #readAt = -Infinity;
  #failed: { readonly at: number; readonly error: unknown } | undefined;
  #reading: Promise<Local> | undefined;

  /** @param url of the set; `undefined`: as the issuer's metadata says */
  constructor(issuer: string, url: string | undefined, now: () => number) {
    this.#issuer = issuer;
    this.#url = url;
    this.#now = now;
  }

  /**
   * The key for a token's signature.
   *
   * @throws ProviderUnavailable; errors.JWKSNoMatchingKey
   */
  async find(header: JWTHeaderParameters, token: FlattenedJWSInput) {
    const age = this.#now() - this.#readAt;
    const local = this.#local !== undefined && age < FRESH_MS ? this.#local : await this.#read();
    try {
      return await local(header, token);
    } catch (error) {
      const waited = this.#now() - this.#readAt >= COOLDOWN_MS;
      if (!(error instanceof errors.JWKSNoMatchingKey) || !waited) throw error;
      return await (await this.#read())(header, token);
    }
  }

  /** One reading at a time. Keys that cannot be renewed stay in use. */
  async #read(): Promise<Local> {
    const { at = -Infinity, error } = this.#failed ?? {};
    if (this.#now() - at < FAILED_COOLDOWN_MS) return this.#local ?? raise(error);
    this.#reading ??= this.#fetch().finally(() => {
      this.#reading = undefined;
    });
    try {
      return await this.#reading;
    } catch (error) {
      this.#failed = { at: this.#now(), error };
      return this.#local ?? raise(error);
    }
  }

  async #fetch(): Promise<Local> {
    const url = this.#url ??= await discover(this.#issuer);
    const parsed = keySet.safeParse(await fetchJson(url));
    if (!parsed.success) throw new ProviderUnavailable(`${url} has no JSON Web Key Set`);
    this.#local = createLocalJWKSet(parsed.data as JSONWebKeySet);
    this.#readAt = this.#now();
    this.#failed = undefined;
    return this.#local;
  }
}

function raise(error: unknown): never {
  throw error;
}
