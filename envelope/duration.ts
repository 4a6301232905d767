/** Durations as Go writes them: `300ms`, `1.5h`, `2m30s`. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * Reads a Go duration into milliseconds (fractions possible).
 * Syntax: https://pkg.go.dev/time#ParseDuration, without a sign.
 *
 * @throws RangeError when the text is no duration or is longer than 10 years
 *
 * @example
 * ```ts
 * import { parseDuration } from "@asya/envelope";
 * if (parseDuration("2m30s") !== 150_000) throw new Error("wrong");
 * ```
 */
export function parseDuration(text: string): number {
  const source = text.trim();
  if (source === "0") return 0;
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < source.length) {
    const part = PART.exec(source);
    if (!part) break;
    total += Number(part[1]) * UNIT_MS[part[2]!]!;
    if (PART.lastIndex === source.length) {
      if (total > 3.2e11) break;
      return total;
    }
  }
  throw new RangeError(
    `expected a duration such as 300ms, 30s, 5m or 1h30m, got ${JSON.stringify(text)}`,
  );
}

/** Writes milliseconds as a Go duration: `150000` is `2m30s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms * 1e6) / 1e6}ms`;
  const whole = Math.round(ms);
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const seconds = (whole % 60_000) / 1_000;
  return `${hours ? `${hours}h` : ""}${minutes ? `${minutes}m` : ""}${
    seconds ? `${seconds}s` : ""
  }`;
}
