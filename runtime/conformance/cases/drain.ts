/** How a runtime leaves: SIGTERM or DRAIN, then the sidecar, the connections or the grace decide. */

import type { LifeCase, LifeScene } from "../case.ts";
import { Caller, envelope1, exchange1, framesOf, onlyFrame } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import type { Subject } from "../subject.ts";
import { packFrame, TYPE } from "../wire.ts";
import { pause } from "../wait.ts";
import { openLoading } from "./loading.ts";

/** Much less than any grace in use here. */
const SOON_MS = 2_000;

function leaves(
  name: string,
  handler: string,
  run: (scene: LifeScene, subject: Subject) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): LifeCase {
  return {
    capability: "drain",
    name,
    setup: { handler, env },
    run: async (scene) => {
      const subject = await scene.start();
      await subject.isReady();
      await run(scene, subject);
    },
  };
}

async function gone(subject: Subject, ms = SOON_MS): Promise<void> {
  expectSame(await subject.exit("an exit", ms), 0, "exit code");
  for (const name of ["runtime-ready", "asya-runtime.sock"]) {
    expect(!await subject.has(name), `no ${name} after the exit`, "it is there");
  }
}

/** Fails when it leaves within a while. */
async function stays(subject: Subject): Promise<void> {
  await pause(500);
  expect(!subject.exited, "a runtime that goes on serving", "its exit");
}

export const DRAIN: readonly LifeCase[] = [
  ...(["SIGTERM", "SIGINT"] as const).map((signal) =>
    leaves(`leaves at once on ${signal} when nobody is connected`, "echo", async (_, subject) => {
      subject.signal(signal);
      await gone(subject);
    })
  ),
  leaves(
    "goes on serving after SIGTERM until its call connections are closed",
    "echo",
    async ({ sent }, subject) => {
      const caller = await Caller.open(subject.socket, sent);
      subject.signal("SIGTERM");
      await stays(subject);
      expectSame(await caller.one('"late"'), '"late"', "an echo of");
      caller[Symbol.dispose]();
      await gone(subject);
    },
  ),
  leaves("welcomes new connections while it drains", "echo", async ({ sent }, subject) => {
    using _first = await Caller.open(subject.socket, sent);
    subject.signal("SIGTERM");
    await pause(200);
    using caller = await Caller.open(subject.socket, sent);
    expectSame(await caller.one("1"), "1", "an echo of");
  }),
  leaves("answers a call that SIGTERM meets", "nap", async ({ sent }, subject) => {
    using caller = await Caller.open(subject.socket, sent);
    const call = await caller.begin('{"ms":800}');
    await pause(100);
    subject.signal("SIGTERM");
    onlyFrame(await caller.answer(call));
    caller[Symbol.dispose]();
    await gone(subject);
  }),
  leaves(
    "answers the call in flight and leaves when sidecar-done appears",
    "nap",
    async ({ sent }, subject) => {
      using caller = await Caller.open(subject.socket, sent);
      const call = await caller.begin('{"ms":800}');
      await pause(100);
      subject.signal("SIGTERM");
      await subject.sayDone();
      onlyFrame(await caller.answer(call));
      await gone(subject);
    },
  ),
  leaves("leaves idle connections when sidecar-done appears", "echo", async ({ sent }, subject) => {
    using caller = await Caller.open(subject.socket, sent);
    subject.signal("SIGTERM");
    await stays(subject);
    await subject.sayDone();
    await gone(subject);
    expect(await caller.peer.ends(), "the end of the connection", "bytes");
  }),
  leaves(
    "does nothing about sidecar-done before it is told to drain",
    "echo",
    async (_, subject) => {
      await subject.sayDone();
      await stays(subject);
    },
  ),
  leaves("drains on DRAIN as on SIGTERM", "echo", async ({ sent }, subject) => {
    using caller = await Caller.open(subject.socket, sent);
    using control = await Caller.open(subject.socket, sent, "control");
    await control.peer.write(packFrame(TYPE.DRAIN, 0));
    await stays(subject);
    expectSame(await caller.one("1"), "1", "an echo of");
    caller[Symbol.dispose]();
    await gone(subject);
  }),
  leaves("is not held by a control connection", "echo", async ({ sent }, subject) => {
    using _control = await Caller.open(subject.socket, sent, "control");
    subject.signal("SIGTERM");
    await gone(subject);
  }),
  leaves(
    "leaves after ASYA_SHUTDOWN_GRACE whoever is connected",
    "echo",
    async ({ sent }, subject) => {
      using _caller = await Caller.open(subject.socket, sent);
      subject.signal("SIGTERM");
      await pause(300);
      expect(!subject.exited, "a runtime that waits for its grace of 800 ms", "its exit");
      await gone(subject, 800 + SOON_MS);
    },
    { ASYA_SHUTDOWN_GRACE: "800ms" },
  ),
  leaves("leaves a call behind that outlives both graces", "nap", async ({ sent }, subject) => {
    using caller = await Caller.open(subject.socket, sent);
    await caller.begin('{"ms":9000}');
    await pause(100);
    subject.signal("SIGTERM");
    await gone(subject, 3_000);
  }, { ASYA_SHUTDOWN_GRACE: "300ms", ASYA_CANCEL_GRACE: "300ms" }),
  leaves("takes SIGTERM again", "nap", async ({ sent }, subject) => {
    using caller = await Caller.open(subject.socket, sent);
    const call = await caller.begin('{"ms":500}');
    for (let i = 0; i < 3; i++) {
      await pause(50);
      subject.signal("SIGTERM");
    }
    onlyFrame(await caller.answer(call));
    caller[Symbol.dispose]();
    await gone(subject);
  }),
  {
    ...leaves(
      "serves a version 1 sidecar until sidecar-done",
      "echo",
      async ({ sent }, subject) => {
        await exchange1(subject.socket, sent, envelope1("1"));
        subject.signal("SIGTERM");
        await stays(subject);
        const frames = framesOf(await exchange1(subject.socket, sent, envelope1("2")));
        expectSame(frames[0]?.payload, 2, "payload");
        await subject.sayDone();
        await gone(subject);
      },
    ),
    needs: "version 1",
  },
  leaves(
    "removes the sidecar-done of an earlier life at HELLO",
    "echo",
    async ({ sent }, subject) => {
      await subject.sayDone();
      using _caller = await Caller.open(subject.socket, sent);
      expect(!await subject.has("sidecar-done"), "no sidecar-done after WELCOME", "it is there");
      subject.signal("SIGTERM");
      await stays(subject);
    },
  ),
  {
    capability: "drain",
    name: "leaves at once on SIGTERM while it is loading",
    setup: { handler: "echo", env: { CONFORMANCE_LOAD: "slow" } },
    run: async (scene) => {
      const subject = await scene.start();
      using _peer = await openLoading(subject, scene.sent);
      subject.signal("SIGTERM");
      await gone(subject, 2_000);
    },
  },
];
