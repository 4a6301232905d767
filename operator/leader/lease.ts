/**
 * Who leads, by a Lease that the leader renews. Clocks of machines differ, so a lease is taken over
 * when it has not changed for its duration by the watch of whoever wants it.
 * https://kubernetes.io/docs/concepts/architecture/leases/
 */

/** `spec` of a Lease. */
export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  /** RFC 3339 with microseconds. */
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** The lease as it was seen last, and since when it has looked like that, in ms. */
export interface Sighting {
  readonly spec: LeaseSpec;
  readonly sinceMs: number;
}

/** What to do about it. */
export type Step =
  | { readonly do: "write"; readonly spec: LeaseSpec }
  | { readonly do: "wait"; readonly ms: number };

/** How long a lease holds without being renewed, in s. */
export const DURATION_S = 12;
/** Between two tries, and two renewals, in ms. */
export const RETRY_MS = 2_000;
/** A leader that could not renew for so long leads no more, in ms: before anybody else may. */
export const DEADLINE_MS = 8_000;

/** What a candidate or leader does now. @param nowMs on the clock of `sinceMs` */
export function nextStep(
  identity: string,
  sighting: Sighting | undefined,
  nowMs: number,
  date: Date,
): Step {
  const time = date.toISOString().replace("Z", "000Z");
  const { spec, sinceMs } = sighting ?? { spec: {}, sinceMs: nowMs };
  const { holderIdentity: holder, leaseDurationSeconds = DURATION_S, leaseTransitions = 0 } = spec;
  const renewed = { holderIdentity: identity, leaseDurationSeconds: DURATION_S, renewTime: time };
  if (holder === identity) return { do: "write", spec: { ...spec, ...renewed } };
  const leftMs = holder ? sinceMs + leaseDurationSeconds * 1000 - nowMs : 0;
  if (leftMs > 0) return { do: "wait", ms: Math.min(leftMs, RETRY_MS) };
  const taken = { ...renewed, acquireTime: time, leaseTransitions: leaseTransitions + 1 };
  return { do: "write", spec: taken };
}

/** What a leader that goes leaves behind: anybody may lead at once. */
export function released(spec: LeaseSpec): LeaseSpec {
  return { ...spec, holderIdentity: "", leaseDurationSeconds: 1 };
}
