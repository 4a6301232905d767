/** How bytes arrive, and frames that break the rules. */

import type { Case } from "../case.ts";
import { callFrame, nextCall, readWelcome } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { opening } from "../peer.ts";
import { pause } from "../wait.ts";
import { concat, describeFrame, packFrame, textOf, TYPE, type Wrong } from "../wire.ts";
import { refused, works } from "./negotiation.ts";

const setup = { handler: "echo" };
const CALL = '{"text":"hello","n":1}';

function frames(name: string, run: Case["run"]): Case {
  return { capability: "framing", name, setup, run };
}

/** A CALL whose header is wrong. */
function refuses(what: string, wrong: Wrong, type: number = TYPE.CALL): Case {
  return frames(`refuses ${what} with ERROR of call 0, and closes`, async (scene) => {
    const { peer } = await scene.caller();
    await peer.write(packFrame(type, 5, {}, "1", wrong));
    await refused(peer);
    await works(scene);
  });
}

/** The opening and one call, as one run of bytes. */
function conversation(): { bytes: Uint8Array; call: number } {
  const call = nextCall();
  return { bytes: concat(opening("call"), callFrame(call, CALL)), call };
}

export const FRAMING: readonly Case[] = [
  frames("takes preamble, HELLO and CALL glued together", async (scene) => {
    using peer = await scene.peer();
    const { bytes, call } = conversation();
    await peer.write(bytes);
    await readWelcome(peer);
    const frame = await peer.frameOf("FRAME");
    expectSame([frame.call, textOf(frame.body)], [call, CALL], "the call and its payload");
    expectSame((await peer.frameOf("END")).head.frames, 1, "frames");
  }),
  frames("takes them split in two at every byte", async (scene) => {
    const size = conversation().bytes.length;
    for (let at = 1; at < size; at++) {
      using peer = await scene.peer();
      const { bytes } = conversation();
      await peer.write(bytes.subarray(0, at));
      // The first part has to be read by itself; where there is an answer to it, it was.
      if (at >= opening("call").length) await readWelcome(peer);
      else await pause(1);
      await peer.write(bytes.subarray(at));
      if (at < opening("call").length) await readWelcome(peer);
      const frame = await peer.frameOf("FRAME");
      expectSame(textOf(frame.body), CALL, `split after byte ${at}, the payload`);
      await peer.frameOf("END");
    }
  }),
  frames("takes a conversation byte by byte", async (scene) => {
    using peer = await scene.peer();
    const { bytes } = conversation();
    await peer.writeInPieces(bytes, 1);
    await readWelcome(peer);
    expectSame(textOf((await peer.frameOf("FRAME")).body), CALL, "the payload");
  }),
  frames("takes PINGs glued together and split at odd places", async (scene) => {
    const { peer } = await scene.control();
    const numbers = Array.from({ length: 50 }, (_, i) => i + 1);
    await peer.writeInPieces(concat(...numbers.map((n) => packFrame(TYPE.PING, n))), 7);
    for (const n of numbers) expectSame((await peer.frameOf("PONG")).call, n, "PONG of");
  }),
  frames("takes a CALL of a megabyte in small pieces", async (scene) => {
    const { peer } = await scene.caller();
    const payload = `"${"y".repeat(1 << 20)}"`;
    await peer.writeInPieces(callFrame(nextCall(), payload), 4093);
    const frame = await peer.frameOf("FRAME");
    expect(textOf(frame.body) === payload, "the same payload", `${frame.body.length} bytes`);
  }),
  frames("ignores frames of types that it does not know", async (scene) => {
    const caller = await scene.caller();
    for (const type of [0x06, 0x7f, 0x88, 0xff, 0x00]) {
      await caller.peer.write(packFrame(type, 3, { any: "thing" }, "bytes"));
      expectSame(await caller.one(CALL), CALL, `after a frame of type ${type}, an echo of`);
    }
    const { peer } = await scene.control();
    await peer.write(concat(packFrame(0x40, 0, {}), packFrame(TYPE.PING, 2)));
    expectSame((await peer.frameOf("PONG")).call, 2, "PONG of");
  }),
  frames("reads only CALL on a call connection", async (scene) => {
    const caller = await scene.caller();
    for (const type of [TYPE.PING, TYPE.CANCEL, TYPE.DRAIN]) {
      await caller.peer.write(packFrame(type, 1));
    }
    const answer = await caller.call(CALL);
    expectSame(answer.arrivals.map((one) => one.type), [TYPE.FRAME, TYPE.END], "frames");
    expect(!scene.subject.exited, "a runtime that goes on", "its exit");
  }),
  refuses("flags that are not 0", { flags: 1 }),
  refuses("every flag", { flags: 0xff }),
  refuses("a 16-bit field that is not 0", { zero: 1 }),
  refuses("flags also in a frame of an unknown type", { flags: 2 }, 0x44),
  refuses("a frame shorter than its header", { rest: 11 }),
  refuses("a frame of length 0", { rest: 0 }),
  refuses("a head longer than its frame", { headLength: 4_000_000_000 }),
  refuses("a frame of 1 GiB", { rest: 2 ** 30 }),
  refuses("a frame of 4 GiB", { rest: 2 ** 32 - 1 }),
  frames("takes call numbers up to 32 bits and repeats them", async (scene) => {
    const { peer } = await scene.caller();
    for (const call of [1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      await peer.write(callFrame(call, "1"));
      for (const type of ["FRAME", "END"] as const) {
        const frame = await peer.frameOf(type);
        expect(frame.call === call, `call ${call}`, describeFrame(frame));
      }
    }
  }),
  frames("takes a head of a megabyte", async (scene) => {
    const caller = await scene.caller();
    const head = {
      id: "e-1",
      route: { actors: ["a"], current: 0 },
      headers: { long: "h".repeat(1 << 20) },
    };
    expectSame(await caller.one(CALL, head), CALL, "an echo of");
  }),
  frames("waits for the other half of a frame and serves others meanwhile", async (scene) => {
    const [half, other] = [await scene.caller(), await scene.caller()];
    const frame = callFrame(nextCall(), CALL);
    await half.peer.write(frame.subarray(0, 30));
    expectSame(await other.one(CALL), CALL, "an echo of");
    await half.peer.write(frame.subarray(30));
    expectSame(textOf((await half.peer.frameOf("FRAME")).body), CALL, "the payload");
  }),
  frames("outlives connections that end within a CALL", async (scene) => {
    const frame = callFrame(nextCall(), CALL);
    for (const size of [1, 15, 16, 40, frame.length - 1]) {
      using caller = await scene.caller();
      await caller.peer.write(frame.subarray(0, size));
    }
    await works(scene);
  }),
  frames("gives a slow reader all of its answer", async (scene) => {
    const caller = await scene.caller();
    const payload = `"${"z".repeat(4 << 20)}"`;
    const call = await caller.begin(payload);
    await pause(200);
    const frame = (await caller.answer(call)).frames[0];
    expectSame(frame?.body.length, payload.length, "bytes");
  }),
  {
    ...frames("serves others while a peer does not read its answer", async (scene) => {
      const [deaf, other] = [await scene.caller(), await scene.caller()];
      await deaf.begin(`"${"z".repeat(16 << 20)}"`);
      for (let i = 0; i < 5; i++) expectSame(await other.one(CALL), CALL, "an echo of");
    }),
    setup: { handler: "echo", env: { ASYA_CONCURRENCY: "2" } },
  },
];
