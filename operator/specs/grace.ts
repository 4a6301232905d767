/** How long a pod has to end in, and how much of that the sidecar may take for calls in flight. */

import type { AsyncActor } from "@asya/manifest";

/** Seconds. */
export interface Grace {
  /** `terminationGracePeriodSeconds`: then everything is killed. */
  readonly pod: number;
  /** `ASYA_SHUTDOWN_GRACE`: then calls that still run are given back to the queue. */
  readonly drain: number;
}

/** What the sidecar needs to give back what it holds, and the runtime to leave after it. */
const LEAVING_SECONDS = 5;

/**
 * A call that has just begun may take its whole processing time before the sidecar gives up; what
 * comes after that is for leaving. Where the template's own grace is shorter than a call may be, a
 * sixth of it is for leaving, so that what is cut off goes back at once and not by a time-out of the
 * broker.
 */
export function graceOf({ spec }: AsyncActor): Grace {
  const { processing, gracefulShutdown } = spec.timeout;
  const pod = spec.workload.template?.spec.terminationGracePeriodSeconds ??
    processing + gracefulShutdown;
  const spare = pod >= processing ? pod - processing : Math.floor(pod / 6);
  return { pod, drain: Math.max(1, pod - Math.min(LEAVING_SECONDS, spare)) };
}
