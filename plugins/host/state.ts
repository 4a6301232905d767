/**
 * What all workers of an actor in this process share. A cache, not a store: it is empty after a
 * start, and every replica has its own.
 */

import { PluginError } from "../plugin.ts";

/** Longest key, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1_024;

/** What an entry counts beside its key and value, in bytes. */
const ENTRY_BYTES = 128;

const encoder = new TextEncoder();

/** Bytes under keys, within a bound; what does not fit is refused, nothing is evicted. */
export class ActorState {
  readonly #values = new Map<string, { value: Uint8Array<ArrayBuffer>; cost: number }>();
  #bytes = 0;

  /** @param maxBytes keys, values and 128 bytes an entry; 0: `denied` is all it says */
  constructor(readonly maxBytes: number) {}

  #keyBytes(key: string): number {
    if (this.maxBytes === 0) {
      throw new PluginError("denied", "the actor may keep no state: raise its limit of state");
    }
    // an UTF-16 unit is a byte or more
    const bytes = key.length > MAX_KEY_BYTES ? Infinity : encoder.encode(key).length;
    if (bytes <= MAX_KEY_BYTES) return bytes;
    throw new PluginError("host_limit", `a key of state may have ${MAX_KEY_BYTES} bytes`);
  }

  /**
   * A copy of what is kept.
   *
   * @throws PluginError `denied`; `host_limit`: the key is too long
   */
  get(key: string): Uint8Array<ArrayBuffer> | undefined {
    this.#keyBytes(key);
    return this.#values.get(key)?.value.slice();
  }

  /**
   * Keeps a copy in place of what was there.
   *
   * @throws PluginError `denied`; `host_limit`: too long or too much; the old value stays
   */
  set(key: string, value: Uint8Array): void {
    const cost = this.#keyBytes(key) + value.length + ENTRY_BYTES;
    const bytes = this.#bytes - (this.#values.get(key)?.cost ?? 0) + cost;
    if (bytes > this.maxBytes) {
      throw new PluginError(
        "host_limit",
        `the actor's state would have ${bytes} bytes; its limit is ${this.maxBytes}`,
      );
    }
    this.#values.set(key, { value: new Uint8Array(value), cost });
    this.#bytes = bytes;
  }

  /**
   * Forgets it; nothing happens where it is not kept.
   *
   * @throws PluginError `denied`; `host_limit`: the key is too long
   */
  delete(key: string): void {
    this.#keyBytes(key);
    const cost = this.#values.get(key)?.cost ?? 0;
    this.#values.delete(key);
    this.#bytes -= cost;
  }
}
