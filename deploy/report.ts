/** The preflight's report, as it is printed. */

import type { Check } from "./preflight.ts";
import type { Paint } from "./terminal.ts";

/** A line for each check, and below what is wrong how to mend it. */
export function reportLines(checks: readonly Check[], paint: Paint): string[] {
  const marks = { good: paint.good("ok"), warning: paint.warn("!!"), problem: paint.bad("no") };
  return checks.flatMap(({ state, text, mend }) => [
    `  ${marks[state]}  ${text}`,
    ...mend === undefined ? [] : [`        ${paint.strong(mend)}`],
  ]);
}
