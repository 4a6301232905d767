/** What a guest logs during one call, kept within bounds until the call ends. */

import type { PluginLogLevel } from "../plugin.ts";

/** One line of a guest. */
export interface LogLine {
  readonly level: PluginLogLevel;
  readonly message: string;
}

/** Lines that one call may log. */
export const MAX_LINES = 100;

/** Bytes that one call may log. */
export const MAX_BYTES = 16_384;

const decoder = new TextDecoder();

/** Collects up to {@linkcode MAX_LINES} lines and {@linkcode MAX_BYTES} bytes; counts the rest. */
export class GuestLog {
  readonly #lines: LogLine[] = [];
  #bytes = 0;
  #dropped = 0;

  /** Keeps a line, cut to the room that is left. Only what is kept is decoded. */
  add(level: PluginLogLevel, text: Uint8Array): void {
    const room = MAX_BYTES - this.#bytes;
    if (this.#lines.length === MAX_LINES || room === 0) {
      this.#dropped++;
      return;
    }
    const kept = text.subarray(0, room);
    this.#bytes += kept.length;
    const cut = kept.length < text.length ? "… (cut)" : "";
    this.#lines.push({ level, message: decoder.decode(kept) + cut });
  }

  /** All lines kept, and one more when lines were dropped. */
  lines(): LogLine[] {
    if (this.#dropped === 0) return this.#lines;
    const message = `${this.#dropped} more log lines of this call were dropped`;
    return [...this.#lines, { level: "warn", message }];
  }
}
