/** The operator that leads, as its node sees it: its pod, and what its process uses. */

import assert from "node:assert/strict";
import { type Kube, kubectl } from "./kube.ts";
import { SYSTEM } from "./system.ts";

/** What a process has used. */
export interface Usage {
  /** Memory that it has now. */
  readonly residentBytes: number;
  /** Time of all cores since it began. */
  readonly cpuSeconds: number;
}

/** Clock ticks in which Linux counts a process's time: https://man7.org/linux/man-pages/man5/proc.5.html */
const TICKS = 100;

const SCRIPT = [
  "for p in /proc/[0-9]*; do",
  'echo "$(grep VmRSS $p/status | tr -dc 0-9) $(cut -d" " -f14,15 $p/stat)";',
  "done",
].join(" ");

/** The pod that holds the Lease. */
export async function leader(kube: Kube): Promise<string> {
  return (await kube.get(SYSTEM, "leases", "asya-operator"))!.spec.holderIdentity;
}

/** Objects that an operator has sent to the API server since it began. */
export async function applied(pod: string): Promise<number> {
  const path = `/api/v1/namespaces/${SYSTEM}/pods/${pod}:8080/proxy/metrics`;
  const metrics = await kubectl(["get", "--raw", path]);
  assert.match(metrics, /^# TYPE asya_operator_applied_objects_total counter$/m);
  const counts = metrics.matchAll(/^asya_operator_applied_objects_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Of the largest process of the operator's container: the others start it and look at it. */
export async function usage(pod: string): Promise<Usage> {
  const said = await kubectl([
    ...["-n", SYSTEM, "exec", pod, "-c", "operator", "--", "sh", "-c", SCRIPT],
  ]);
  const processes = [...said.matchAll(/^(\d+) (\d+) (\d+)$/gm)].map(([, kB, user, system]) => ({
    residentBytes: Number(kB) * 1024,
    cpuSeconds: (Number(user) + Number(system)) / TICKS,
  }));
  return processes.reduce((a, b) => a.residentBytes > b.residentBytes ? a : b);
}
