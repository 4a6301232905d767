/** Errors, fan-out and no frame at all. */

import type { Case } from "../case.ts";
import { callFrame, envelope1, failure1, failureOf, framesOf, HEAD, nextCall } from "../caller.ts";
import { expect, expectSame, short } from "../fault.ts";
import { jsonOf, textOf } from "../wire.ts";

const MOST_ERROR_BYTES = 256 * 1024;

function fails(name: string, run: Case["run"], handler = "fail"): Case {
  return { capability: "errors", name, setup: { handler }, run };
}

function fans(name: string, run: Case["run"], handler = "fan"): Case {
  return { capability: "fan-out", name, setup: { handler }, run };
}

/** A call that fails with a text. */
function says(text: string, what: string, json = JSON.stringify(text)): Case {
  return fails(`tells a message of ${what}`, async (scene) => {
    const caller = await scene.caller();
    const { details } = failureOf(await caller.call(`{"message":${json}}`), "processing_error");
    expect(String(details.message).includes(text), `a message with ${short(text)}`, details);
  });
}

/** A payload that is no JSON. */
function unreadable(what: string, payload: string | Uint8Array): Case {
  return fails(`answers msg_parsing_error to ${what}`, async (scene) => {
    const caller = await scene.caller();
    failureOf(await caller.call(payload), "msg_parsing_error");
    expectSame((await caller.call('{"n":1}')).frames.length, 1, "frames of the next call");
  }, "fan");
}

export const ERRORS: readonly Case[] = [
  fails(
    "answers a failing handler with processing_error, message, type and traceback",
    async (scene) => {
      const caller = await scene.caller();
      const answer = await caller.call('{"message":"out of luck"}');
      const { details } = failureOf(answer, "processing_error");
      expect(String(details.message).includes("out of luck"), "the handler's message", details);
      expect(typeof details.type === "string" && details.type !== "", "details.type", details);
      expect(typeof details.traceback === "string", "details.traceback", details);
      const { mro = [] } = details;
      const names = Array.isArray(mro) && mro.every((name) => typeof name === "string");
      expect(names, "details.mro as names, if at all", details);
    },
  ),
  fails("serves the next call on the connection after an error", async (scene) => {
    const caller = await scene.caller();
    for (let i = 0; i < 20; i++) {
      failureOf(await caller.call('{"message":"again"}'), "processing_error");
    }
    await scene.caller().then((other) => other.call('{"message":"x"}'));
  }),
  says("ungültig: 世界 \u{1F600}", "letters beyond ASCII"),
  says('line\n"quoted" \\ \u0000 end', "control characters and quotes"),
  fails("tells a message with a lone surrogate as JSON", async (scene) => {
    const caller = await scene.caller();
    const answer = await caller.call(String.raw`{"message":"bad \ud800 text"}`);
    const { details } = failureOf(answer, "processing_error");
    expect(String(details.message).includes("text"), "the message", details);
  }),
  fails("bounds what it tells of an error", async (scene) => {
    const caller = await scene.caller();
    const answer = await caller.call(`{"message":"${"m".repeat(2 << 20)}"}`);
    const size = JSON.stringify(failureOf(answer, "processing_error")).length;
    expect(size < MOST_ERROR_BYTES, "less than 256 KiB", `${size} bytes`);
  }),
  fails("answers a result that is no JSON with processing_error", async (scene) => {
    const caller = await scene.caller();
    failureOf(await caller.call("{}"), "processing_error");
    failureOf(await caller.call("{}"), "processing_error");
  }, "unjson"),
  unreadable("an empty payload", ""),
  unreadable("half an object", '{"n":'),
  unreadable("text after the value", '{"n":1} x'),
  unreadable("NaN", '{"n":NaN}'),
  unreadable("-Infinity", "-Infinity"),
  unreadable("a number with a leading zero", '{"n":01}'),
  unreadable("a control character in a text", '{"n":1,"s":"\u0001"}'),
  unreadable("a comma too many", '{"n":1,}'),
  unreadable("bytes that are no UTF-8", new Uint8Array([0x22, 0xff, 0xfe, 0x22])),
  unreadable("a surrogate as UTF-8", new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])),
  unreadable("a byte order mark", "\ufeff{}"),
];

export const FANOUT: readonly Case[] = [
  ...[0, 1, 2, 3, 1_000, 10_000].map((count) =>
    fans(`answers ${count} frames in order`, async (scene) => {
      const caller = await scene.caller();
      const { frames, failure } = await caller.call(`{"n":${count}}`);
      expect(!failure, "frames", failure);
      expectSame(frames.length, count, "frames");
      for (const [i, frame] of frames.entries()) {
        expectSame(jsonOf(textOf(frame.body)), { i }, `frame ${i}`);
      }
    })
  ),
  fans("answers a handler that returns nothing with END of 0 frames", async (scene) => {
    const caller = await scene.caller();
    const { frames, failure } = await caller.call("{}");
    expectSame([frames.length, failure], [0, undefined], "frames and failure");
  }, "nothing"),
  fans(
    "leaves headers and route of a frame to the sidecar, or tells them as they were",
    async (scene) => {
      const caller = await scene.caller();
      for (const { head } of (await caller.call('{"n":2}')).frames) {
        if ("headers" in head) expectSame(head.headers, HEAD.headers, "headers");
      }
    },
  ),
  fans("answers call by call when a fan-out follows another", async (scene) => {
    const caller = await scene.caller();
    for (const n of [3, 0, 2, 1]) {
      expectSame((await caller.call(`{"n":${n}}`)).frames.length, n, "frames");
    }
  }),
  {
    ...fans("answers a fan-out in version 1 with a route for each frame", async (scene) => {
      const headers = '"headers":{"priority":"high"},';
      const frames = framesOf(await scene.exchange1(envelope1('{"n":3}', headers)));
      const route = { actors: ["prep", "infer"], current: 1 };
      const expected = [0, 1, 2].map((i) => ({
        payload: { i },
        route,
        headers: { priority: "high" },
      }));
      expectSame(frames, expected, "frames");
    }),
    needs: "version 1",
  },
];

/** Errors in version 1. */
export const ERRORS1: readonly Case[] = [
  {
    ...fails("answers version 1 with an array of one error", async (scene) => {
      const { details } = failure1(
        await scene.exchange1(envelope1('{"message":"out of luck"}')),
        "processing_error",
      );
      expect(String(details.message).includes("out of luck"), "the handler's message", details);
      expect(!String(details.type).includes("."), "a bare class name as type", details);
    }),
    needs: "version 1",
  },
  fails("answers calls that fail on many connections at once", async (scene) => {
    const callers = await Promise.all(Array.from({ length: 20 }, () => scene.caller()));
    await Promise.all(callers.map(async (caller) => {
      const call = nextCall();
      await caller.peer.write(callFrame(call, '{"message":"x"}'));
      failureOf(await caller.answer(call), "processing_error");
    }));
  }),
];
