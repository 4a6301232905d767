/** The work of the fault suite: a route of three actors, the envelopes on it, and what must come of each. */

import type { Envelope } from "@asya/envelope";
import { envelope } from "../project.ts";

/** The route. The first actor fans out every tenth envelope, the last notes each call. */
export const ROUTE = ["split", "work", "note"] as const;

/** One of {@linkcode ROUTE}. */
export type Actor = typeof ROUTE[number];

const FAN_OUT_EVERY = 10;
const FRAMES = 3;

/** What each actor runs, in the module `handlers`. */
export const HANDLERS: Readonly<Record<Actor, { handler: string; mode: "payload" | "envelope" }>> =
  {
    split: { handler: "handlers.split", mode: "payload" },
    work: { handler: "handlers.work", mode: "payload" },
    note: { handler: "handlers.note", mode: "envelope" },
  };

/** The module `handlers`. `nap` of a payload is how many seconds the first call takes longer. */
export const MODULE = `import os, time

def split(payload):
    if payload["n"] % ${FAN_OUT_EVERY}:
        return payload
    return [dict(payload, part=part) for part in range(${FRAMES})]

def work(payload):
    nap = payload.get("nap", 0)
    try:
        if nap:
            os.close(os.open(f"{os.environ['NAPS']}-{payload['n']}", os.O_CREAT | os.O_EXCL))
            time.sleep(nap)
    except FileExistsError:
        pass
    return dict(payload, square=payload["n"] ** 2)

def note(envelope):
    """Leaves a line for every call, so that the test can count duplicates."""
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(envelope["id"] + "\\n")
    envelope["route"]["current"] += 1
    return envelope
`;

/** Envelopes, and what must come of them. */
export interface Batch {
  readonly envelopes: readonly Envelope[];
  /** Every id that must reach `happy-end`, with the payload that it must bring. */
  readonly results: ReadonlyMap<string, unknown>;
}

/** The payload of envelope `n`. */
export type PayloadOf = (n: number) => { readonly n: number; readonly nap?: number };

/** So many envelopes with ids of their own. */
export function batch(name: string, count: number, payloadOf: PayloadOf = (n) => ({ n })): Batch {
  const ids = Array.from({ length: count }, (_, n) => `${name}-${n}`);
  return {
    envelopes: ids.map((id, n) => envelope(id, ROUTE, JSON.stringify(payloadOf(n)))),
    results: resultsOf(ids, payloadOf),
  };
}

/** What must come of envelopes with these ids, the n-th of which carries `payloadOf(n)`. */
export function resultsOf(
  ids: readonly string[],
  payloadOf: PayloadOf = (n) => ({ n }),
): ReadonlyMap<string, unknown> {
  const results = new Map<string, unknown>();
  for (const [n, id] of ids.entries()) {
    const payload = { ...payloadOf(n), square: n ** 2 };
    if (n % FAN_OUT_EVERY !== 0) results.set(id, payload);
    else {
      for (let part = 0; part < FRAMES; part++) {
        results.set(part === 0 ? id : `${id}-${part}`, { ...payload, part });
      }
    }
  }
  return results;
}
