/** Cases over one broker and one fleet, which goes through all of them as a real one would. */

import assert from "node:assert/strict";
import { put } from "../project.ts";
import { account, untilArrived } from "./account.ts";
import type { Fleet, TransportEnv } from "./fleet.ts";
import { CASE, CASE_MS, ENVELOPES, KILLS } from "./size.ts";
import { type Batch, batch, type PayloadOf } from "./work.ts";

/** What a sidecar may have in hand at once, and so has done twice after it loses everything. */
export const IN_HAND = 110;

/** What a case is given. */
export interface Stage {
  readonly fleet: Fleet;
  /** How the fleet reaches its broker. */
  readonly env: TransportEnv;
  /** Sends the envelopes of this case; durable when it resolves. */
  send(payloadOf?: PayloadOf): Promise<void>;
  /** In place of `send`: what must come of envelopes that were sent otherwise. */
  expect(results: Batch["results"]): void;
  /** Resolves when this part of the envelopes, 0 to 1, has arrived at the end actors. */
  share(part: number): Promise<void>;
  /** Does something at moments spread over the work, each as soon as its share has arrived. */
  spread(act: (index: number) => Promise<void>): Promise<void>;
  /** Everything is exactly where it must be. */
  account(o?: { duplicatesAtMost?: number; limitMs?: number }): Promise<void>;
  /** One more thing for the line that the case ends with. */
  tell(what: string): void;
}

/** A case by its name. */
export type Cases = Readonly<Record<string, (stage: Stage) => Promise<void>>>;

/**
 * Runs cases one after the other over one fleet, which at the end drains and leaves nothing behind.
 * A failed case gets the next one a new fleet, whose queues are others.
 *
 * @param o `start` makes the n-th fleet; `left` names the queues of a fleet that are not empty
 */
export async function runCases(
  t: Deno.TestContext,
  o: { start(n: number): Promise<Fleet>; left(fleet: Fleet): Promise<string[]> },
  cases: Cases,
): Promise<void> {
  let fleet: Fleet | undefined;
  let n = 0;
  const step = async (name: string, run: (fleet: Fleet) => Promise<void>) => {
    const done = await t.step({
      name,
      // What a case starts again lives on in the next one.
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        fleet ??= await o.start(n++);
        try {
          await run(fleet);
        } catch (error) {
          fleet.printTails();
          throw error;
        }
      },
    });
    if (done) return;
    await fleet?.[Symbol.asyncDispose]();
    fleet = undefined;
  };
  try {
    for (const [index, [name, run]] of Object.entries(cases).entries()) {
      if (CASE.test(name)) await step(name, (fleet) => runCase(fleet, `c${index}`, name, run));
    }
    if (fleet === undefined) return;
    await step(
      "after all this every process drains, and nothing is left in a queue",
      async (fleet) => {
        for (const [name, code] of Object.entries(await fleet.stop())) assert.equal(code, 0, name);
        assert.deepEqual(await o.left(fleet), []);
      },
    );
  } finally {
    await fleet?.[Symbol.asyncDispose]();
  }
}

async function runCase(
  fleet: Fleet,
  prefix: string,
  name: string,
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  const told: string[] = [];
  const began = performance.now();
  let results: Batch["results"] = new Map();
  const share = (part: number) => untilArrived(fleet, Math.floor(results.size * part));
  await run({
    fleet,
    env: fleet.env,
    async send(payloadOf) {
      const { envelopes, results: expected } = batch(prefix, ENVELOPES, payloadOf);
      results = expected;
      await put(fleet.transport, envelopes);
    },
    expect: (expected) => void (results = expected),
    share,
    async spread(act) {
      for (let index = 0; index < KILLS; index++) {
        await share((index + Math.random()) / (KILLS + 1));
        await act(index);
      }
    },
    async account({ duplicatesAtMost = Infinity, limitMs = CASE_MS } = {}) {
      const { duplicates } = await account(fleet, { results, duplicatesAtMost, limitMs });
      told.unshift(`${results.size} envelopes, lost 0, ${duplicates} duplicate calls`);
    },
    tell: (what) => void told.push(what),
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${name}: ${told.join(", ")}, ${seconds} s`);
}
