/** Verdicts out of results, as text and as JSON. */

import { CAPABILITIES, type Capability } from "./case.ts";

/** How one case came out. */
export interface CaseResult {
  readonly capability: Capability;
  readonly name: string;
  readonly ms: number;
  readonly fault?: { readonly sent: string; readonly expected: string; readonly came: string };
  /** The last lines that the runtime printed, of a failing case. */
  readonly output?: string;
}

/** `partly`: some cases pass, some fail. */
export type Verdict = "yes" | "no" | "partly" | "not offered" | "not played";

/** One capability of a runtime. */
export interface CapabilityReport {
  readonly verdict: Verdict;
  readonly passed: number;
  readonly failed: number;
}

/** What `--json` writes. */
export interface Report {
  readonly runtime: string;
  readonly version: string;
  readonly capabilities: Readonly<Record<Capability, CapabilityReport>>;
  readonly failures: readonly CaseResult[];
}

/** Counts results. */
export function reportOf(
  { name, version }: { readonly name: string; readonly version: string },
  results: readonly CaseResult[],
  notOffered: readonly Capability[],
  notPlayed: readonly Capability[] = [],
): Report {
  const entries = CAPABILITIES.map((capability) => {
    const mine = results.filter((result) => result.capability === capability);
    const failed = mine.filter((result) => result.fault).length;
    const passed = mine.length - failed;
    const verdict: Verdict = notOffered.includes(capability)
      ? "not offered"
      : notPlayed.includes(capability) || mine.length === 0
      ? "not played"
      : failed === 0
      ? "yes"
      : passed === 0
      ? "no"
      : "partly";
    return [capability, { verdict, passed, failed }] as const;
  });
  return {
    runtime: name,
    version,
    capabilities: Object.fromEntries(entries) as Record<Capability, CapabilityReport>,
    failures: results.filter((result) => result.fault),
  };
}

/** Whether all that it offers passes. */
export function conforms(report: Report): boolean {
  return report.failures.length === 0;
}

/** The report for people. */
export function textOf(report: Report): string {
  const lines: string[] = [`${report.runtime} ${report.version}`.trim()];
  for (const { capability, name, fault, output } of report.failures) {
    lines.push("", `FAILED  ${capability}: ${name}`);
    lines.push(...block("sent", fault!.sent), ...block("expected", fault!.expected));
    lines.push(...block("came", fault!.came), ...block("printed", output ?? ""));
  }
  lines.push("");
  let all = 0;
  for (const capability of CAPABILITIES) {
    const { verdict, passed, failed } = report.capabilities[capability];
    const count = failed ? `${passed} of ${passed + failed}` : passed ? `${passed}` : "";
    lines.push(`${capability.padEnd(18)}${verdict.padEnd(13)}${count}`.trimEnd());
    all += passed + failed;
  }
  lines.push("", `${all - report.failures.length} of ${all} cases passed`);
  return lines.join("\n");
}

function block(title: string, text: string): string[] {
  if (text === "") return [];
  return text.split("\n").map((line, at) => `  ${(at === 0 ? title : "").padEnd(10)}${line}`);
}
