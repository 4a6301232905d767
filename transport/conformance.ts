/**
 * One suite for all transports: they must agree on behaviour, not only on types. It registers
 * tests, so `conformance()` belongs in a `_test.ts` file beside the transport.
 */

import { processes } from "./conformance/processes.ts";
import { receiving } from "./conformance/receiving.ts";
import { sending } from "./conformance/sending.ts";
import { settling } from "./conformance/settling.ts";
import { type CaseOptions, type Define, type OpenSubject, runCase } from "./conformance/subject.ts";

/** One thing that every transport promises. */
export interface Case extends CaseOptions {
  /** A sentence about the interface. */
  readonly promise: string;
  /** Its proof. */
  readonly prove: Parameters<Define>[1];
}

/** All of them, in the order of the interface. */
export function cases(): Case[] {
  const all: Case[] = [];
  const define: Define = (promise, prove, options = {}) => all.push({ promise, prove, ...options });
  for (const part of [sending, settling, receiving, processes]) part(define);
  return all;
}

/**
 * Registers every case for one transport; each opens a subject of its own.
 *
 * @param subjects how to open one, or why there is none here: then all are skipped, and say so
 * @param has what the transport has of what cases may need
 */
export function conformance(
  name: string,
  subjects: OpenSubject | { readonly skip: string },
  has: { readonly lease: boolean; readonly order: boolean },
): void {
  for (const { promise, prove, lease = false, order = false } of cases()) {
    if (lease && !has.lease || order && !has.order) continue;
    if ("skip" in subjects) {
      const title = `${name}: ${promise} (skipped: ${subjects.skip})`;
      Deno.test({ name: title, ignore: true, fn() {} });
    } else Deno.test(`${name}: ${promise}`, () => runCase(subjects, prove, { lease }));
  }
}
