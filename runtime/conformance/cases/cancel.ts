/** CANCEL on the control connection, and the watchdog behind it. */

import type { Case } from "../case.ts";
import { type Caller, failureOf, onlyFrame } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { concat, packFrame, textOf, TYPE } from "../wire.ts";
import { pause } from "../wait.ts";

const EXIT_STUCK = 75;
const CANCEL_AGAIN_MS = 50;

function cancels(name: string, setup: Case["setup"], run: Case["run"], alone = false): Case {
  return { capability: "cancel", name, setup, alone, run };
}

const WAIT: Case["setup"] = { handler: "wait", env: { ASYA_CONCURRENCY: "2" } };

/** Handler `nap` under a short grace. */
function stuck(concurrency: string): Case["setup"] {
  return {
    handler: "nap",
    env: { ASYA_CONCURRENCY: concurrency, ASYA_CANCEL_GRACE: "300ms" },
  };
}

/** CANCEL as the sidecar says it: until the call has ended, as it may overtake its CALL. */
async function cancel<T>(
  control: Caller,
  call: number,
  ended: Promise<T>,
  frames = packFrame(TYPE.CANCEL, call, { reason: "nobody waits" }),
): Promise<T> {
  let over = false;
  const say = async () => {
    while (!over) {
      await control.peer.write(frames);
      await pause(CANCEL_AGAIN_MS);
    }
  };
  const [end] = await Promise.all([ended.finally(() => over = true), say()]);
  return end;
}

async function answersPing(control: Caller): Promise<void> {
  await control.peer.write(packFrame(TYPE.PING, 1));
  await control.peer.frameOf("PONG");
}

export const CANCEL: readonly Case[] = [
  cancels("ends a waiting call with cancelled, long before its time", WAIT, async (scene) => {
    const [caller, control] = [await scene.caller(), await scene.control()];
    const call = await caller.begin('{"ms":30000}');
    failureOf(await cancel(control, call, caller.answer(call, 3_000)), "cancelled");
  }),
  cancels("takes the next call on the connection of a cancelled one", WAIT, async (scene) => {
    const [caller, control] = [await scene.caller(), await scene.control()];
    for (let i = 0; i < 3; i++) {
      const call = await caller.begin('{"ms":30000}');
      failureOf(await cancel(control, call, caller.answer(call, 3_000)), "cancelled");
      expectSame(await caller.one('{"ms":1}').then(JSON.parse), { waited: 1 }, "the answer");
    }
  }),
  cancels("cancels the one call that is named", WAIT, async (scene) => {
    const [one, other, control] = [
      await scene.caller(),
      await scene.caller(),
      await scene.control(),
    ];
    const named = await one.begin('{"ms":30000}');
    const beside = await other.begin('{"ms":600}');
    failureOf(await cancel(control, named, one.answer(named, 3_000)), "cancelled");
    expectSame(JSON.parse(textOf(onlyFrame(await other.answer(beside)).body)), {
      waited: 600,
    }, "the answer");
  }),
  cancels("ignores CANCEL of a call that is unknown, or over", WAIT, async (scene) => {
    const [caller, control] = [await scene.caller(), await scene.control()];
    const call = await caller.begin('{"ms":1}');
    await caller.answer(call);
    for (const number of [0, call, 4_000_000_000]) {
      await control.peer.write(packFrame(TYPE.CANCEL, number, { reason: "late" }));
    }
    await answersPing(control);
    expectSame(JSON.parse(await caller.one('{"ms":2}')), { waited: 2 }, "the answer");
  }),
  cancels("takes CANCEL twice", WAIT, async (scene) => {
    const [caller, control] = [await scene.caller(), await scene.control()];
    const call = await caller.begin('{"ms":30000}');
    const twice = concat(
      packFrame(TYPE.CANCEL, call, { reason: "nobody waits" }),
      packFrame(TYPE.CANCEL, call, {}),
    );
    failureOf(await cancel(control, call, caller.answer(call, 3_000), twice), "cancelled");
    await answersPing(control);
  }),
  cancels("answers as usual when a cancelled call ends by itself", {
    handler: "nap",
    env: { ASYA_CANCEL_GRACE: "20s" },
  }, async (scene) => {
    const [caller, control] = [await scene.caller(), await scene.control()];
    const call = await caller.begin('{"ms":400}');
    const { failure, frames } = await cancel(control, call, caller.answer(call));
    const good = failure === undefined ? frames.length === 1 : failure.error === "cancelled";
    expect(good, "one frame, or cancelled", failure ?? `${frames.length} frames`);
    await caller.one('{"ms":1}');
  }),
  cancels(
    "exits with 75 when a cancelled call goes on beyond the grace",
    stuck("1"),
    async (scene) => {
      const [caller, control] = [await scene.caller(), await scene.control()];
      const call = await caller.begin('{"ms":6000}');
      const began = performance.now();
      // Where a nap can be ended, this is no stuck call.
      if (await cancel(control, call, interrupted(caller, call))) return;
      const code = await scene.subject.exit("an exit with 75", 4_000);
      expectSame(code, EXIT_STUCK, "exit code");
      const took = performance.now() - began;
      expect(took >= 300, "not before the grace of 300 ms", `${Math.round(took)} ms`);
      expect(!await scene.subject.has("runtime-ready"), "no runtime-ready", "it is there");
    },
    true,
  ),
  cancels("lets a call beside a stuck one end first", stuck("2"), async (scene) => {
    const [bad, good, control] = [
      await scene.caller(),
      await scene.caller(),
      await scene.control(),
    ];
    const beside = await good.begin('{"ms":1500}', undefined, 10_000);
    const call = await bad.begin('{"ms":8000}');
    const [answer, ended] = await Promise.all([
      good.answer(beside),
      cancel(control, call, interrupted(bad, call)),
    ]);
    onlyFrame(answer);
    if (ended) return;
    expectSame(await scene.subject.exit("an exit with 75", 5_000), EXIT_STUCK, "exit code");
  }, true),
  cancels(
    "does not wait for a call beside a stuck one beyond its remaining_ms",
    stuck("2"),
    async (scene) => {
      const [bad, good, control] = [
        await scene.caller(),
        await scene.caller(),
        await scene.control(),
      ];
      await good.begin('{"ms":8000}', undefined, 500);
      const call = await bad.begin('{"ms":8000}');
      if (await cancel(control, call, interrupted(bad, call))) return;
      expectSame(await scene.subject.exit("an exit with 75", 4_000), EXIT_STUCK, "exit code");
    },
    true,
  ),
];

/** Whether a call ends with `cancelled`; no when its connection ends instead. @throws Fault */
async function interrupted(caller: Caller, call: number): Promise<boolean> {
  if (await caller.peer.ends()) return false;
  failureOf(await caller.answer(call), "cancelled");
  return true;
}
