/** How often something may happen, as it is written: `10/s`, `600/m`, `5000/h`. */

/** So many in so much time; all of them may come at once. */
export interface Rate {
  /** How many. */
  readonly count: number;
  /** In so many milliseconds. */
  readonly perMs: number;
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** Reads a rate. @throws Error saying what is expected */
export function parseRate(text: string): Rate {
  const [, digits, unit = ""] = /^([0-9]{1,7})\/([smh])$/.exec(text.trim()) ?? [];
  const count = Number(digits);
  const perMs = UNITS[unit];
  if (perMs === undefined || !(count > 0)) {
    throw new Error("expected requests in a time, such as 10/s, 600/m or 5000/h");
  }
  return { count, perMs };
}
