/** Whether `/health/ready` of the sidecars tells the truth about an outage. */

import assert from "node:assert/strict";
import { ACTORS, type Fleet } from "./fleet.ts";
import { waitFor } from "./wait.ts";

/** Within this time after the broker can be reached again, every sidecar is ready. */
export const BACK_MS = 5_000;
const LOOK_MS = 100;

/**
 * Call at the beginning of an outage: within `withinMs` each sidecar says 503 and why, and says so
 * for as long as `forMs` after the call. Resolves then, with what they said.
 */
export async function untilOutageShown(
  fleet: Fleet,
  { withinMs, forMs, actors = ACTORS }: {
    readonly withinMs: number;
    readonly forMs: number;
    readonly actors?: readonly string[];
  },
): Promise<ReadonlyMap<string, string>> {
  const began = performance.now();
  const troubles = new Map<string, string>();
  const look = async (actor: string) => {
    const health = await fleet.health(actor);
    assert.ok(health, `${actor} answers nothing on /health/ready`);
    const ms = Math.round(performance.now() - began);
    if (health.ready) {
      assert.ok(!troubles.has(actor), `${actor} says that it is ready, ${ms} ms into the outage`);
      assert.ok(ms < withinMs, `${actor} still says that it is ready after ${ms} ms`);
    } else {
      assert.ok(health.trouble, `${actor} does not say why it is not ready`);
      troubles.set(actor, health.trouble);
    }
  };
  while (performance.now() - began < forMs) {
    const looks = await Promise.allSettled(actors.map(look)); // none goes on after the test
    for (const seen of looks) if (seen.status === "rejected") throw seen.reason;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  assert.equal(troubles.size, actors.length, `only these noticed: ${[...troubles.keys()]}`);
  return troubles;
}

/** Call when the broker can be reached again: every sidecar is ready in time. The time it took. */
export async function untilBack(fleet: Fleet, withinMs = BACK_MS): Promise<number> {
  const began = performance.now();
  await fleet.ready(withinMs);
  return Math.round(performance.now() - began);
}

/** Resolves when a sidecar says 503 with a trouble that matches. */
export async function untilTrouble(
  fleet: Fleet,
  actor: string,
  pattern: RegExp,
  limitMs: number,
): Promise<void> {
  let last: string | undefined;
  const look = async () => pattern.test(last = (await fleet.health(actor))?.trouble ?? "");
  await waitFor(() => `${actor} says ${pattern}; it says "${last}"`, look, limitMs);
}
