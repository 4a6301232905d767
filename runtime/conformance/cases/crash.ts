/** A process that dies in the middle of a call, and one that runs out of memory and does not. */

import type { Case, LifeCase } from "../case.ts";
import { Caller, envelope1, failure1, failureOf } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { packMessage } from "../wire.ts";

const SETUP = { handler: "crash" };

function crashes(name: string, run: Case["run"], more: Partial<Case> = {}): Case {
  return { capability: "crash", name, setup: SETUP, alone: true, run, ...more };
}

export const CRASH: readonly Case[] = [
  crashes(
    "ends its connections without an answer when its process dies in a call",
    async (scene) => {
      const [caller, other] = [await scene.caller(), await scene.caller()];
      await caller.begin('{"crash":true}');
      expectSame(
        (await caller.peer.rest("the end of its connection")).length,
        0,
        "bytes of an answer",
      );
      expectSame(
        (await other.peer.rest("the end of an idle one")).length,
        0,
        "bytes on an idle one",
      );
      const code = await scene.subject.exit("an exit");
      expect(code !== 0 && code !== 75, "an exit code that is neither 0 nor 75", code);
    },
  ),
  crashes("closes a version 1 connection without an answer then", async (scene) => {
    const peer = await scene.peer();
    await peer.write(packMessage(envelope1('{"crash":true}')));
    expectSame((await peer.rest("the end of the connection")).length, 0, "bytes of an answer");
    await scene.subject.exit("an exit");
  }, { needs: "version 1" }),
];

export const CRASH_LIFE: readonly LifeCase[] = [{
  capability: "crash",
  name: "starts again in the folder that it left when it died, and serves",
  setup: SETUP,
  async run(scene) {
    const folder = await Deno.makeTempDir({ prefix: "asya" });
    try {
      for (let life = 0; life < 3; life++) {
        const subject = await scene.start({}, folder);
        await subject.isReady();
        using caller = await Caller.open(subject.socket, scene.sent);
        expectSame(await caller.one('{"life":1}'), '{"life":1}', "an echo of");
        await caller.begin('{"crash":true}');
        await subject.exit("an exit");
        // What a dead process leaves is there: who comes next has to know better.
        expect(await subject.has("runtime-ready"), "runtime-ready, left behind", "none");
        await Deno.remove(`${folder}/runtime-ready`); // so that the next one's is told from it
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
}];

function hoards(name: string, run: Case["run"], more: Partial<Case> = {}): Case {
  return { capability: "out of memory", name, setup: { handler: "hoard" }, run, ...more };
}

export const MEMORY: readonly Case[] = [
  hoards("answers oom_error where memory runs out, and goes on", async (scene) => {
    const caller = await scene.caller();
    for (let i = 0; i < 3; i++) {
      failureOf(await caller.call('{"hoard":true}'), "oom_error");
      expectSame(await caller.one('{"n":1}'), '{"n":1}', "an echo of");
    }
  }),
  hoards("answers oom_error in version 1 too", async (scene) => {
    failure1(await scene.exchange1(envelope1('{"hoard":true}')), "oom_error");
    const caller = await scene.caller();
    expectSame(await caller.one('{"n":2}'), '{"n":2}', "an echo of");
  }, { needs: "version 1" }),
];
