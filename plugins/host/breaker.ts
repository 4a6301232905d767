/**
 * Keeps a plugin that runs into its limits again and again from eating the processor: after so many
 * breaches in a row it takes no calls for a while, then tries again.
 */

import type { PluginError, PluginErrorCode } from "../plugin.ts";

/** Calls that may reach a limit one after the other. */
export const MAX_BREACHES = 10;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 300_000;

const BREACHES: ReadonlySet<PluginErrorCode> = new Set(
  ["timeout", "memory_limit", "output_limit", "host_limit"],
);

/** Counts breaches of limits. */
export class Breaker {
  #breaches = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #openUntil = -Infinity;
  #last = "";

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Why no calls are to be made now. */
  get trouble(): string | undefined {
    if (this.pauseMs === 0) return undefined;
    return `${this.#breaches} calls in a row reached a limit, the last one: ${this.#last}`;
  }

  /** How long no calls are to be made, in milliseconds. */
  get pauseMs(): number {
    return Math.max(0, this.#openUntil - this.now());
  }

  /** A call ended well, or by an error of its own. */
  passed(): void {
    this.#breaches = 0;
    this.#pauseMs = FIRST_PAUSE_MS;
  }

  /** A call failed. */
  failed({ code, message }: Pick<PluginError, "code" | "message">): void {
    if (!BREACHES.has(code)) return this.passed();
    this.#breaches++;
    this.#last = `${code}: ${message}`;
    if (this.#breaches < MAX_BREACHES || this.pauseMs > 0) return;
    this.#openUntil = this.now() + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }
}
