import assert from "node:assert/strict";
import { hopLines, isWhole, type Origin } from "./hops.ts";
import type { Update } from "./progress.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const at = (ms: number) => new Date(START + ms).toISOString();
const ROUTE = ["prep", "infer"];
const ROOT: Origin = { created_at: at(0), route: { actors: ROUTE } };
const CHILD: Origin = { ...ROOT, parent_id: "p", parent_actor_idx: 0, parent_actor_name: "prep" };

function hop(index: number, state: string, ms: number, more: Partial<Update> = {}): Update {
  return {
    status: "running",
    envelope_state: state,
    actors: ROUTE,
    current_actor_idx: index,
    timestamp: at(ms),
    ...more,
  };
}

const worked = (index: number, ms: number): Update[] => [
  hop(index, "received", ms),
  hop(index, "processing", ms + 3),
  hop(index, "completed", ms + 8),
];
const SENT: Update = { status: "running", timestamp: at(1) };
const SUCCEEDED: Update = { status: "succeeded", timestamp: at(40) };
const FAILED: Update = {
  status: "failed",
  error: "processing_error",
  actor: "infer",
  actors: ROUTE,
  current_actor_idx: 1,
  timestamp: at(40),
};

interface Case {
  readonly name: string;
  readonly updates: readonly Update[];
  readonly origin?: Origin;
  /** Default: true. */
  readonly ended?: boolean;
  readonly whole: boolean;
  readonly lines: readonly string[];
}

const PREP = "    +10 ms  prep        waited 3 ms, answered in 5 ms";
const INFER = "    +20 ms  infer       waited 3 ms, answered in 5 ms";
const END = "    +40 ms  happy-end   succeeded";
const SPLIT = "     +0 ms  prep        split it off p";

const CASES: readonly Case[] = [
  {
    name: "a line a hop and one for the end",
    updates: [SENT, ...worked(0, 10), ...worked(1, 20), SUCCEEDED],
    whole: true,
    lines: [PREP, INFER, END],
  },
  {
    name: "in order of time, whatever order reports came in, and twice",
    updates: [...worked(1, 20), ...worked(0, 10), ...worked(1, 20), SUCCEEDED],
    whole: true,
    lines: [PREP, INFER, END],
  },
  {
    name: "of an open envelope what cannot change any more",
    updates: [...worked(0, 10), hop(1, "received", 20)],
    ended: false,
    whole: false,
    lines: [PREP],
  },
  {
    name: "of an open envelope nothing behind a gap",
    updates: worked(1, 20),
    ended: false,
    whole: false,
    lines: [],
  },
  {
    name: "a finished envelope whose last actor has not reported yet",
    updates: [...worked(0, 10), SUCCEEDED],
    whole: false,
    lines: [PREP, END],
  },
  {
    name: "a finished envelope of which nobody has reported yet",
    updates: [SUCCEEDED],
    whole: false,
    lines: [END],
  },
  {
    name: "an actor that was put into the route on the way",
    updates: [
      ...worked(0, 10),
      ...worked(1, 20).map((u) => ({ ...u, actors: [...ROUTE, "review"] })),
      SUCCEEDED,
    ],
    whole: false,
    lines: [PREP, INFER, END],
  },
  {
    name: "retries",
    updates: [
      ...worked(0, 10),
      hop(1, "received", 12),
      hop(1, "processing", 13),
      hop(1, "received", 20),
      hop(1, "processing", 23, { attempt: 2 }),
      hop(1, "processing", 26, { attempt: 2 }),
      hop(1, "completed", 12_345),
      SUCCEEDED,
    ],
    whole: true,
    lines: [PREP, "    +12 ms  infer       attempt 2, waited 3 ms, answered in 12.3 s", END],
  },
  {
    name: "a delivery that was given to somebody else",
    updates: [hop(0, "received", 10), ...worked(0, 20), ...worked(1, 30), SUCCEEDED],
    whole: true,
    lines: [
      "    +10 ms  prep        delivered 2 times, waited 3 ms, answered in 5 ms",
      "    +30 ms  infer       waited 3 ms, answered in 5 ms",
      END,
    ],
  },
  {
    name: "an actor that sent the envelope to itself",
    updates: [...worked(0, 10), ...worked(0, 20), ...worked(1, 30), SUCCEEDED],
    whole: true,
    lines: [
      PREP,
      "    +20 ms  prep        waited 3 ms, answered in 5 ms",
      "    +30 ms  infer       waited 3 ms, answered in 5 ms",
      END,
    ],
  },
  {
    name: "a failure",
    updates: [...worked(0, 10), hop(1, "received", 20), hop(1, "processing", 22), FAILED],
    whole: true,
    lines: [
      PREP,
      "    +20 ms  infer       waited 2 ms, failed",
      "    +40 ms  error-end   failed: processing_error at infer",
    ],
  },
  {
    name: "a failure of an actor that has not reported yet",
    updates: [...worked(0, 10), FAILED],
    whole: false,
    lines: [PREP, "    +40 ms  error-end   failed: processing_error at infer"],
  },
  {
    name: "an envelope that the gateway gave up",
    updates: [
      hop(0, "received", 10),
      { status: "failed", error: "deadline_exceeded", timestamp: at(30_000) },
    ],
    whole: true,
    lines: [
      "    +10 ms  prep        not called",
      "   +30.0 s  gateway     failed: deadline_exceeded",
    ],
  },
  {
    name: "a child, from the actor that split it off",
    updates: [...worked(1, 20), SUCCEEDED],
    origin: CHILD,
    whole: true,
    lines: [SPLIT, INFER, END],
  },
  {
    name: "a child of the last actor",
    updates: [SUCCEEDED],
    origin: { ...CHILD, parent_actor_idx: 1, parent_actor_name: "infer" },
    whole: true,
    lines: ["     +0 ms  infer       split it off p", END],
  },
  {
    name: "a child of which nobody has reported yet",
    updates: [SUCCEEDED],
    origin: CHILD,
    whole: false,
    lines: [SPLIT, END],
  },
  {
    name: "a child that is not registered yet",
    updates: worked(1, 20),
    origin: { ...ROOT, parent_id: "p" },
    ended: false,
    whole: false,
    lines: [],
  },
  {
    name: "a child that was never registered",
    updates: [...worked(1, 20), SUCCEEDED],
    origin: { ...ROOT, parent_id: "p" },
    whole: false,
    lines: ["     +0 ms  ?           split it off p", INFER, END],
  },
];

for (const { name, updates, origin = ROOT, ended = true, whole, lines } of CASES) {
  Deno.test(`hopLines() and isWhole(): ${name}`, () => {
    assert.deepEqual(hopLines(updates, origin, ended), lines);
    assert.equal(isWhole(updates, origin), whole);
  });
}
