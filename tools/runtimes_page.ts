/** The page `docs/runtimes.md`: what the conformance kit found of each runtime, out of its reports. */

import { CAPABILITIES } from "../runtime/conformance/case.ts";
import type { Report } from "../runtime/conformance/report.ts";

const REPORTS = new URL("../runtime/conformance/reports/", import.meta.url);

/** The committed reports, in the order of their file names. */
async function readReports(): Promise<Report[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(REPORTS)) {
    if (name.endsWith(".json")) names.push(name);
  }
  const texts = names.toSorted().map((name) => Deno.readTextFile(new URL(name, REPORTS)));
  return (await Promise.all(texts)).map((text) => JSON.parse(text) as Report);
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** A verdict, with the count where it is not the whole. */
function cell(report: Report, capability: typeof CAPABILITIES[number]): string {
  const { verdict, passed, failed } = report.capabilities[capability];
  return verdict === "partly" ? `${passed} of ${passed + failed}` : verdict;
}

function total({ capabilities }: Report): string {
  const all = Object.values(capabilities);
  const passed = all.reduce((sum, one) => sum + one.passed, 0);
  return `${passed} of ${all.reduce((sum, one) => sum + one.passed + one.failed, 0)}`;
}

/** Its text, below the heading comment. */
export async function runtimesPage(): Promise<string> {
  const reports = await readReports();
  const head = ["", ...reports.map(({ runtime, version }) => `${runtime} ${version}`)];
  return [
    "# Runtimes\n",
    "A runtime runs a handler and serves it to a sidecar over the socket that",
    "[PROTOCOL.md](../runtime/PROTOCOL.md) describes. [The conformance kit](../runtime/conformance/README.md)",
    "starts one as a process, plays what the protocol promises, and judges each capability: `yes` where",
    "every case passes, a count where some do not.\n",
    line(head),
    line(head.map(() => "---")),
    ...CAPABILITIES.map((one) => line([one, ...reports.map((report) => cell(report, one))])),
    line(["cases passed", ...reports.map(total)]),
    "",
    "The Go and Rust ones are [examples](../examples/runtimes/README.md) to copy, on their standard",
    "libraries alone. `deno task conformance runtime --json runtime/conformance/reports/NAME.json -- COMMAND`",
    "writes a report anew.",
    "",
    ...reports.flatMap(({ runtime, failures }) =>
      failures.map(({ capability, name }) => `- ${runtime}, ${capability}: not so: ${name}`)
    ),
  ].join("\n");
}
