/** Which version a connection speaks, and how version 2 begins. */

import type { Case, Scene } from "../case.ts";
import { envelope1, framesOf, readMessage, readWelcome } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { opening, type Peer } from "../peer.ts";
import { bytesOf, concat, describeFrame, packFrame, packMessage, PREAMBLE, TYPE } from "../wire.ts";

const setup = { handler: "echo" };

/** An ERROR of no call, then the end. */
export async function refused(peer: Peer): Promise<void> {
  const frame = await peer.frameOf("ERROR");
  expect(frame.call === 0, "ERROR of call 0", describeFrame(frame));
  expect(typeof frame.head.error === "string", "an error code", frame.headText);
  const more = await peer.rest("the end of the connection after ERROR");
  expect(more.length === 0, "nothing after ERROR", `${more.length} bytes`);
}

/** A fresh call works: nothing that came before has harmed the runtime. */
export async function works(scene: Scene, payload = '{"works":1}'): Promise<void> {
  using caller = await scene.caller();
  expectSame(await caller.one(payload), payload, "an echo of");
}

const VITALS = ["rss", "threads", "calls", "oldest_call_ms", "loop_blocked_ms"];

function starts(name: string, run: Case["run"]): Case {
  return { capability: "version 2", name, setup, run };
}

/** A first frame that is refused. */
function refuses(what: string, bytes: Uint8Array): Case {
  return starts(`refuses ${what} with ERROR of call 0, and closes`, async (scene) => {
    using peer = await scene.peer();
    await peer.write(bytes);
    await refused(peer);
    await works(scene);
  });
}

export const NEGOTIATION: readonly Case[] = [
  starts(
    "answers HELLO with WELCOME {version, mode, concurrency, cancel, stream, pid}",
    async (scene) => {
      const { welcome } = await scene.caller();
      expectSame([welcome.mode, welcome.concurrency], ["payload", 1], "mode and concurrency");
    },
  ),
  starts("tells its process id in WELCOME", async (scene) => {
    const { welcome } = await scene.caller();
    const running = await Deno.stat(`/proc/${welcome.pid}`).then(() => true, () => false);
    expect(running, "the number of a running process", String(welcome.pid));
  }),
  starts(
    "welcomes a control connection, and answers PING with PONG of the same number",
    async (scene) => {
      const { peer } = await scene.control();
      for (const call of [0, 7, 0xffffffff]) {
        await peer.write(packFrame(TYPE.PING, call));
        const pong = await peer.frameOf("PONG");
        expect(pong.call === call, `PONG of ${call}`, describeFrame(pong));
      }
    },
  ),
  starts("tells its vitals in PONG as numbers from 0 on, as far as it does", async (scene) => {
    const { peer } = await scene.control();
    await peer.write(packFrame(TYPE.PING, 1));
    const { head, headText } = await peer.frameOf("PONG");
    const told = VITALS.map((name) => head[name]).filter((value) => value !== undefined);
    const numbers = told.every((value) => typeof value === "number" && value >= 0);
    expect(numbers, `${VITALS.join(", ")} as numbers, where they are`, headText);
  }),
  starts("answers PING while a call runs", async (scene) => {
    const caller = await scene.caller();
    const control = await scene.control();
    const call = await caller.begin(`"${"x".repeat(1 << 20)}"`);
    await control.peer.write(packFrame(TYPE.PING, 1));
    await control.peer.frameOf("PONG");
    await caller.answer(call);
  }),
  {
    ...starts("speaks both versions at once", async (scene) => {
      const caller = await scene.caller();
      const old = framesOf(await scene.exchange1(envelope1("1")));
      expectSame(old.length, 1, "frames");
      expectSame(await caller.one("2"), "2", "an echo of");
    }),
    needs: "version 1",
  },
  starts("serves 1,000 calls on one connection", async (scene) => {
    const caller = await scene.caller();
    for (let i = 0; i < 1_000; i++) expectSame(await caller.one(`${i}`), `${i}`, "an echo of");
  }),
  starts("serves a connection that comes after 100 others have gone", async (scene) => {
    for (let i = 0; i < 100; i++) {
      using caller = await scene.caller();
      await caller.one("1");
    }
    await works(scene);
  }),
  starts("takes members of HELLO that it does not know", async (scene) => {
    using peer = await scene.peer();
    const hello = { max_frame: 1 << 20, actor: "a", role: "call", later: [1] };
    await peer.write(concat(PREAMBLE, packFrame(TYPE.HELLO, 0, hello)));
    await readWelcome(peer);
  }),
  refuses("another version after ASYA", bytesOf("ASYA/3\r\n")),
  refuses("ASYA with an end that is none", bytesOf("ASYA/2\n\n")),
  refuses("HELLO with a role that it does not know", opening("watch")),
  refuses("a CALL before HELLO", concat(PREAMBLE, packFrame(TYPE.CALL, 1, {}, "1"))),
  refuses("a HELLO whose head is no JSON", concat(PREAMBLE, packFrame(TYPE.HELLO, 0, "{role"))),
  refuses("a HELLO whose head is no object", concat(PREAMBLE, packFrame(TYPE.HELLO, 0, "[1]"))),
  starts("outlives connections that end within the preamble or HELLO", async (scene) => {
    const first = opening("call");
    for (const size of [0, 1, 3, 4, 5, 7, 8, 9, 20, first.length - 1]) {
      using peer = await scene.peer();
      await peer.write(first.subarray(0, size));
    }
    await works(scene);
  }),
  starts("waits for the rest of a preamble that comes late", async (scene) => {
    using peer = await scene.peer();
    const first = opening("call");
    await peer.write(first.subarray(0, 4));
    await works(scene);
    await peer.write(first.subarray(4));
    await readWelcome(peer);
  }),
  {
    capability: "version 1",
    name: "takes four first bytes that are not ASYA for a length",
    setup,
    run: async (scene) => {
      using peer = await scene.peer();
      const message = packMessage(envelope1('"v1"'));
      await peer.write(message.subarray(0, 4));
      await peer.write(message.subarray(4));
      const [frame] = framesOf(await readMessage(peer));
      expectSame(frame?.payload, "v1", "the payload");
    },
  },
];
