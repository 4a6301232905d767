/** What every source behind a network is told. */

import type { Logger } from "@asya/telemetry";
import type { ModuleCache } from "./cache.ts";

/** How to read from a network. */
export interface RemoteOptions {
  /** Digest that the module must have, in hex. */
  readonly pin: string | undefined;
  /** Largest module, in bytes. */
  readonly maxBytes: number;
  /** Time between two looks for changes, in milliseconds. */
  readonly refreshMs: number;
  /** Longest time for one read with all its requests, in milliseconds. */
  readonly timeoutMs: number;
  /** Where to keep what was fetched. */
  readonly cache: ModuleCache | undefined;
  /** Told of what does not stop a read. */
  readonly log: Logger;
}
