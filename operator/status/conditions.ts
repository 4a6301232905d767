/** Conditions, and what each status word means for tools that wait (kstatus). */

import type { ActorStatus, Condition, StatusWord } from "./actor_status.ts";

/** The value of a condition, without its history. */
export type Finding = Pick<Condition, "type" | "status" | "reason" | "message">;

/** Ready: it works or would when work came. Reconciling: it is on its way. Stalled: a person is needed. */
interface Meaning {
  readonly ready: boolean;
  readonly reconciling: boolean;
  readonly stalled: boolean;
}

const ready = { ready: true, reconciling: false, stalled: false };
const moving = { ready: true, reconciling: true, stalled: false };
const waiting = { ready: false, reconciling: true, stalled: false };
const stalled = { ready: false, reconciling: false, stalled: true };

/** One row a word. */
export const MEANINGS: Readonly<Record<StatusWord, Meaning>> = {
  Running: ready,
  Napping: ready,
  ScalingUp: moving,
  ScalingDown: moving,
  Creating: waiting,
  Updating: waiting,
  Degraded: waiting,
  Terminating: waiting,
  PendingResources: waiting,
  TransportError: waiting,
  ConfigError: stalled,
  WorkloadError: stalled,
  ImagePullError: stalled,
  VolumeError: stalled,
  SidecarError: stalled,
  RuntimeError: stalled,
  ScalingError: stalled,
};

/** Ready, Reconciling and Stalled. https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus */
export function kstatus(word: StatusWord, reason: string, message: string): Finding[] {
  const meaning = MEANINGS[word];
  const finding = (type: Finding["type"], holds: boolean): Finding => ({
    type,
    status: holds ? "True" : "False",
    reason,
    message: holds ? message : "",
  });
  return [
    { ...finding("Ready", meaning.ready), message },
    finding("Reconciling", meaning.reconciling),
    finding("Stalled", meaning.stalled),
  ];
}

/** With their history: the time stays where the status does. */
export function withHistory(
  findings: readonly Finding[],
  now: Date,
  observedGeneration: number | undefined,
  before: ActorStatus | undefined,
): Condition[] {
  return findings.map((finding) => {
    const last = before?.conditions.find(({ type }) => type === finding.type);
    const same = last?.status === finding.status;
    return {
      ...finding,
      lastTransitionTime: same ? last!.lastTransitionTime : now.toISOString(),
      ...observedGeneration !== undefined && { observedGeneration },
    };
  });
}
