/** One measured figure. */
export interface Row {
  readonly name: string;
  readonly value: number;
  /** `/s`, `ms`, `us`, `MB`, `x` (a ratio of two figures of the same run), ... */
  readonly unit: string;
  /** What the figure should be, as it stands in the goals; absent where there is none. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
}

/** The p-th percentile (0..1) of some durations. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? NaN;
}

/** Whether a row keeps its goal; true where it has none. */
function keepsGoal({ value, goal }: Row): boolean {
  if (goal === undefined) return true;
  return "atMost" in goal ? value <= goal.atMost : value >= goal.atLeast;
}

/** A row as a line of a table. */
export function formatRow(row: Row): string {
  const digits = row.value >= 100 ? 0 : row.value >= 10 ? 1 : 2;
  const value = row.value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  const goal = row.goal === undefined
    ? ""
    : "atMost" in row.goal
    ? `goal <= ${row.goal.atMost}`
    : `goal >= ${row.goal.atLeast}`;
  const mark = keepsGoal(row) ? "" : "  MISSED";
  return `${row.name.padEnd(64)} ${value.padStart(10)} ${row.unit.padEnd(5)} ${goal}${mark}`
    .trimEnd();
}
