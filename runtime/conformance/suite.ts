/** Every case of the kit. */

import type { Case, LifeCase } from "./case.ts";
import { ERRORS, ERRORS1, FANOUT } from "./cases/answers.ts";
import { BAD_INPUT } from "./cases/bad_input.ts";
import { CANCEL } from "./cases/cancel.ts";
import { CONCURRENCY } from "./cases/concurrency.ts";
import { CRASH, CRASH_LIFE, MEMORY } from "./cases/crash.ts";
import { DRAIN } from "./cases/drain.ts";
import { ENVELOPE } from "./cases/envelope.ts";
import { BATCHING, METRICS, STREAMING } from "./cases/extras.ts";
import { FRAMING } from "./cases/framing.ts";
import { NEGOTIATION } from "./cases/negotiation.ts";
import { PAYLOADS } from "./cases/payloads.ts";
import { READINESS } from "./cases/readiness.ts";
import { recordedCases } from "./cases/recorded.ts";
import { VERSION1 } from "./cases/version1.ts";

/** Cases on a runtime that is ready, which those with the same setup share. */
export function readyCases(): readonly Case[] {
  return [
    ...NEGOTIATION,
    ...FRAMING,
    ...PAYLOADS,
    ...ERRORS,
    ...ERRORS1,
    ...FANOUT,
    ...VERSION1,
    ...recordedCases(),
    ...ENVELOPE,
    ...CONCURRENCY,
    ...CANCEL,
    ...STREAMING,
    ...METRICS,
    ...BATCHING,
    ...MEMORY,
    ...CRASH,
  ];
}

/** Cases about how a runtime starts and ends. */
export function lifeCases(): readonly LifeCase[] {
  return [...CRASH_LIFE, ...DRAIN, ...READINESS, ...BAD_INPUT];
}
