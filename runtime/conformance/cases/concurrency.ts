/** As many calls at once as ASYA_CONCURRENCY says; more wait. */

import type { Case, Scene } from "../case.ts";
import { envelope1, framesOf } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { jsonOf, textOf } from "../wire.ts";

function runs(name: string, concurrency: number, run: Case["run"], handler = "nap"): Case {
  const env = { ASYA_CONCURRENCY: String(concurrency) };
  // The handler counts as long as its process lives, so each case has one of its own.
  return { capability: "concurrency", name, setup: { handler, env }, alone: true, run };
}

/** So many calls on connections of their own; the most that ran at once, and milliseconds. */
async function naps(
  scene: Scene,
  count: number,
  ms: number,
): Promise<{ most: number; took: number }> {
  const callers = await Promise.all(Array.from({ length: count }, () => scene.caller()));
  const began = performance.now();
  const answers = await Promise.all(callers.map((caller) => caller.one(`{"ms":${ms}}`)));
  const took = performance.now() - began;
  const most = Math.max(...answers.map((text) => Number((jsonOf(text) as { most: number }).most)));
  return { most, took };
}

export const CONCURRENCY: readonly Case[] = [
  runs("tells its concurrency in WELCOME", 3, async (scene) => {
    expectSame((await scene.caller()).welcome.concurrency, 3, "concurrency");
  }),
  runs("runs one call at a time when the concurrency is 1", 1, async (scene) => {
    expectSame((await naps(scene, 4, 50)).most, 1, "calls at once");
  }),
  runs("runs 4 calls at once on 4 connections", 4, async (scene) => {
    const { most, took } = await naps(scene, 4, 400);
    expectSame(most, 4, "calls at once");
    expect(took < 1_200, "less than 3 times one call's 400 ms", `${Math.round(took)} ms`);
  }),
  runs("lets more than its concurrency wait, and answers all", 2, async (scene) => {
    expectSame((await naps(scene, 7, 50)).most, 2, "calls at once");
  }),
  runs("answers 32 connections of 20 calls each to the right caller", 8, async (scene) => {
    const callers = await Promise.all(Array.from({ length: 32 }, () => scene.caller()));
    await Promise.all(callers.map(async (caller, c) => {
      for (let i = 0; i < 20; i++) {
        expectSame(await caller.one(`{"c":${c},"i":${i}}`), `{"c":${c},"i":${i}}`, "an echo of");
      }
    }));
  }, "echo"),
  runs("goes on with others when a peer leaves during its call", 2, async (scene) => {
    const [gone, other] = [await scene.caller(), await scene.caller()];
    await gone.begin('{"ms":150}');
    gone[Symbol.dispose]();
    for (let i = 0; i < 3; i++) await other.one('{"ms":60}');
    const { frames } = await scene.caller().then((caller) => caller.call('{"ms":1}'));
    expectSame(textOf(frames[0]!.body).includes("most"), true, "an answer");
  }),
  {
    ...runs("serves version 1 one by one whatever the concurrency", 4, async (scene) => {
      const texts = await Promise.all(
        Array.from({ length: 4 }, () => scene.exchange1(envelope1('{"ms":60}'))),
      );
      const most = texts.map((text) => (framesOf(text)[0]?.payload as { most: number }).most);
      expectSame(Math.max(...most), 1, "calls at once");
    }),
    needs: "version 1",
  },
];
