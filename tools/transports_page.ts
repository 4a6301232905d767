/** The page `docs/transports.md`: what every transport promises, and what is particular to each. */

import { TRANSPORTS } from "@asya/transport";
import { cases } from "../transport/conformance.ts";
import { FACTS, ROWS } from "../transport/conformance/facts.ts";

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Its text, below the heading comment. */
export function transportsPage(): string {
  const names = TRANSPORTS.map((name) => `\`${name}\``);
  const facts = TRANSPORTS.map((name) => FACTS[name]);
  const promises = cases().map(({ promise, lease, order }) => [
    promise,
    ...facts.map((one) => lease && !one.lease || order && !one.order ? "does not apply" : "yes"),
  ]);
  return [
    "# Transports\n",
    "The same actors run on each of them: `ASYA_TRANSPORT` is the one word that changes. Their",
    "variables are in [environment.md](environment.md), a new one is made as",
    "[add-a-transport.md](add-a-transport.md) says.\n",
    "## What is particular\n",
    table(["", ...names], [
      ...ROWS.map((row) => [row, ...facts.map(({ rows }) => rows[row])]),
      ["tests run against", ...facts.map(({ run }) => run)],
      ["not run", ...facts.map(({ notRun }) => notRun)],
    ]),
    "\n## What all promise\n",
    "Each line is a case of the conformance suite, which `deno task test` runs against every",
    "transport, on a real broker or the emulator named above.\n",
    table(["promise", ...names], promises),
    "",
  ].join("\n");
}
