/** "Did you mean": the nearest of some words to one that was mistyped. */

/** Letters to insert, remove, replace or swap with a neighbour to make `b` of `a`. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}

/**
 * The candidate that `word` most likely stands for; undefined when none is near: at most two
 * letters away, one for words of up to four letters, case not counted.
 *
 * @example
 * ```ts
 * import { closest } from "@asya/manifest";
 * if (closest("minReplica", ["minReplicas", "maxReplicas"]) !== "minReplicas") throw new Error();
 * if (closest("colour", ["name", "value"]) !== undefined) throw new Error();
 * ```
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  let best: { candidate: string; letters: number } | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > 2) continue;
    const letters = distance(word.toLowerCase(), candidate.toLowerCase());
    if (letters <= (word.length > 4 ? 2 : 1) && letters < (best?.letters ?? 3)) {
      best = { candidate, letters };
    }
  }
  return best?.candidate;
}
