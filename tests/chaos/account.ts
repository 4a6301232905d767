/**
 * The one assertion of the fault suite: every envelope, children included, is exactly where it must
 * be, nothing is left anywhere, and whatever was done twice was done under the same id.
 */

import assert from "node:assert/strict";
import { idsAt, resultAt } from "../project.ts";
import { ACTORS, ENDS, type Fleet } from "./fleet.ts";
import { CASE_MS } from "./size.ts";
import { waitFor } from "./wait.ts";

/** How long queues may take to be empty after the last envelope has arrived. */
const EMPTY_MS = 20_000;
/** Longer than a message that the broker has takes to the end actor. */
const STILL_MS = 2_000;
/** Folders of thousands of files are not looked at more often. */
const LOOK_MS = 200;

/** What was counted. */
export interface Account {
  /** Envelopes at `happy-end`. */
  readonly results: number;
  /** Calls of the last actor beyond one an envelope. */
  readonly duplicates: number;
}

/** What may differ from case to case. */
export interface Expected {
  /** What `happy-end` must keep: the payload by id. */
  readonly results: ReadonlyMap<string, unknown>;
  /** Most calls of the last actor beyond one an envelope; default: any number. */
  readonly duplicatesAtMost?: number;
  /** How long everything may take to arrive, in milliseconds. */
  readonly limitMs?: number;
}

/** How many envelopes are at an end actor. */
export async function arrived({ dir }: Fleet): Promise<number> {
  const ids = await Promise.all(ENDS.map((actor) => idsAt(dir, actor)));
  return ids.reduce((sum, { size }) => sum + size, 0);
}

/** Resolves when so many envelopes are at an end actor. */
export async function untilArrived(fleet: Fleet, count: number, limitMs = CASE_MS): Promise<void> {
  let seen = 0;
  const look = async () => (seen = await arrived(fleet)) >= count;
  const what = () => `${count} envelopes at the end actors; there are ${seen}`;
  await waitFor(what, look, limitMs, LOOK_MS);
}

/**
 * Resolves with how many envelopes are at an end actor when that stays the same. An empty queue and
 * an end actor without work are not enough: what lies between the two, or between a publish and its
 * queue, shows in neither.
 */
export async function untilStill(fleet: Fleet, limitMs: number): Promise<number> {
  let [count, since] = [-1, 0];
  const look = async () => {
    const now = await arrived(fleet);
    if (now !== count) [count, since] = [now, performance.now()];
    return performance.now() - since >= STILL_MS;
  };
  await waitFor(() => `nothing more arrives; ${count} have`, look, limitMs, LOOK_MS);
  return count;
}

/** Waits until all has arrived, fails on anything that is not as it must be, and clears it away. */
export async function account(
  fleet: Fleet,
  { results, duplicatesAtMost = Infinity, limitMs = CASE_MS }: Expected,
): Promise<Account> {
  await untilArrived(fleet, results.size, limitMs);
  await untilEmpty(fleet);

  const got = await idsAt(fleet.dir, "happy-end");
  const lost = [...results.keys()].filter((id) => !got.has(id));
  const extra = [...got].filter((id) => !results.has(id));
  const failed = [...await idsAt(fleet.dir, "error-end")];
  assert.deepEqual(some({ lost, extra, failed }), some({ lost: [], extra: [], failed: [] }));
  for (const [id, payload] of results) {
    const { payload: kept } = await resultAt(fleet.dir, "happy-end", id);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(kept)), payload, id);
  }
  const notes = (await Deno.readTextFile(`${fleet.dir}/notes.txt`)).split("\n").slice(0, -1);
  const strangers = notes.filter((id) => !results.has(id));
  const unnoted = [...new Set(results.keys()).difference(new Set(notes))];
  assert.deepEqual(some({ strangers, unnoted }), some({ strangers: [], unnoted: [] }));
  const duplicates = notes.length - results.size;
  assert.ok(duplicates <= duplicatesAtMost, `${duplicates} calls were made twice`);
  await noDeadLetters(fleet);
  await clear(fleet);
  return { results: results.size, duplicates };
}

/** Counts, and the first few of each, for a message that can be read. */
function some(lists: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  const entries = Object.entries(lists);
  return Object.fromEntries(
    entries.map(([name, ids]) => [name, `${ids.length}: ${ids.slice(0, 10).join(" ")}`]),
  );
}

async function untilEmpty(fleet: Fleet): Promise<void> {
  let waiting = "";
  const look = async () => {
    const all = await Promise.all(ACTORS.map(async (actor) => {
      const { ready, inFlight = 0, delayed = 0 } = await fleet.depth(actor);
      const calls = (await fleet.health(actor))?.inFlight ?? 1;
      return [actor, ready + inFlight + delayed + calls] as const;
    }));
    waiting = JSON.stringify(Object.fromEntries(all));
    return all.every(([, count]) => count === 0);
  };
  await waitFor(() => `every queue is empty; there are ${waiting}`, look, EMPTY_MS, LOOK_MS);
}

async function noDeadLetters(fleet: Fleet): Promise<void> {
  for (const actor of ACTORS) {
    const queue = fleet.transport.queue(actor);
    const letters = await queue.deadLetters(actor).list(1);
    await queue.close();
    assert.deepEqual(letters.map(({ reason }) => reason), [], `dead letters of ${actor}`);
  }
}

async function clear({ dir }: Fleet): Promise<void> {
  for (const actor of ENDS) {
    for (const id of await idsAt(dir, actor)) {
      await Deno.remove(`${dir}/.asya/results/${actor}/${encodeURIComponent(id)}.json`);
    }
  }
  await Deno.truncate(`${dir}/notes.txt`);
}
