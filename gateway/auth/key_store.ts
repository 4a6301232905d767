/** Where API keys are kept: beside the envelopes, so that every replica knows them. */

import type { ApiKey } from "./api_key.ts";

/** Each method throws `StoreUnavailable` where the store is away. */
export interface KeyStore {
  /** Adds a key; its id is new. */
  add(key: ApiKey): Promise<void>;
  /** The key with this id, revoked or not. */
  find(id: string): Promise<ApiKey | undefined>;
  /** Keys, the oldest first, at most `limit`. */
  list(limit: number): Promise<ApiKey[]>;
  /** From now on it is refused; false where there is no such key. One that is revoked stays as it was. */
  revoke(id: string, now: number): Promise<boolean>;
  /** Lets go. */
  close(): Promise<void>;
}
