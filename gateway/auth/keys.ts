/** Tells callers by their API keys, with a short memory of those that were looked up. */

import { parseRate } from "../limits/rate.ts";
import { type ApiKey, isSecretOf, parseKey } from "./api_key.ts";
import type { Caller } from "./caller.ts";
import type { KeyStore } from "./key_store.ts";
import { Refused } from "./refused.ts";
import { scopeOf } from "./scope.ts";

/** How long a key that was found is believed, in milliseconds: so soon a revoked one is refused. */
export const KEY_MEMORY_MS = 2_000;
/** Keys remembered; the one that was looked up first is forgotten first. */
const MAX_KEYS = 1_000;

interface Remembered {
  readonly until: number;
  readonly key: Promise<ApiKey | undefined>;
}

/** Looks keys up, each once in {@linkcode KEY_MEMORY_MS} however many requests come with it. */
export class Keys {
  readonly #store: Pick<KeyStore, "find">;
  readonly #now: () => number;
  readonly #remembered = new Map<string, Remembered>();

  /** Keys in that store. @param now milliseconds since 1970 */
  constructor(store: Pick<KeyStore, "find">, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * Whose key it is.
   *
   * @throws Refused; StoreUnavailable
   */
  async caller(text: string): Promise<Caller> {
    const presented = parseKey(text);
    if (presented === undefined) throw invalid();
    const key = await this.#find(presented.id);
    // An id that nobody has takes as long as a wrong secret, and is answered alike.
    const right = isSecretOf(presented.secret, key ?? { hash: "00".repeat(32) });
    if (key === undefined || !right) throw invalid();
    if (key.revokedAt !== undefined) throw new Refused("key_revoked", "this API key was revoked");
    if (key.expiresAt !== undefined && key.expiresAt <= this.#now()) {
      throw new Refused("key_expired", "this API key has expired");
    }
    return {
      name: `key:${key.id}`,
      tools: scopeOf(key.tools),
      rate: key.rate === undefined ? undefined : parseRate(key.rate),
      concurrent: key.concurrent,
    };
  }

  #find(id: string): Promise<ApiKey | undefined> {
    const now = this.#now();
    const known = this.#remembered.get(id);
    if (known !== undefined && now < known.until) return known.key;
    const key = this.#store.find(id);
    const remembered = { until: now + KEY_MEMORY_MS, key };
    this.#remembered.delete(id);
    this.#remembered.set(id, remembered);
    const forget = () => {
      if (this.#remembered.get(id) === remembered) this.#remembered.delete(id);
    };
    // Guesses shall not push out what is used, and a store that was away is asked again.
    key.then((found) => found ?? forget(), forget);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_KEYS) this.#remembered.delete(oldest!);
    return key;
  }
}

function invalid(): Refused {
  return new Refused("key_invalid", "this is no API key of this gateway");
}
