/** Payloads come back as they came, byte for byte, where the handler leaves them alone. */

import { Buffer } from "node:buffer";
import type { Case } from "../case.ts";
import { onlyFrame } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { bytesOf, hex, jsonOf, textOf, TYPE } from "../wire.ts";
import { works } from "./negotiation.ts";

const setup = { handler: "echo" };
const MEGABYTE = 1 << 20;

/** Texts by what they are; none of them is null or an array, which say how many frames there are. */
const TEXTS: Readonly<Record<string, string>> = {
  "an integer above 2^53": "9007199254740993",
  "an integer of 30 digits": "123456789012345678901234567890",
  "an integer of 4,000 digits": "9".repeat(4_000),
  "a number too large for a double": "1e400",
  "a number too small for a double": '{"tiny":1e-400}',
  "minus zero": "-0",
  "minus zero with a fraction": '{"z":-0.0}',
  "1.0, which stays 1.0": "1.0",
  "a decimal with more digits than a double has":
    "0.1000000000000000055511151231257827021181583404541015625",
  "exponents in every spelling": '{"a":1E5,"b":1e+5,"c":1e05,"d":0E-0}',
  "a member that is there twice": '{"a":1,"a":2}',
  "members in their own order": '{"b":1,"a":2,"10":3,"9":4}',
  "white space": ' {\n\t"a" : [ 1 , 2 ]\r\n} ',
  "escapes that need not be": String.raw`"\u0041\/\u007a"`,
  "control characters as escapes": String.raw`"\u0000\b\f\n\r\t\u001f"`,
  "letters of four bytes": '"\u{1F600}\u{10FFFF}"',
  "surrogate pairs as escapes": String.raw`"\ud83d\ude00"`,
  "a lone high surrogate": String.raw`"\ud800"`,
  "a lone low surrogate as a name": String.raw`{"\udfff":1}`,
  "surrogates the wrong way round": String.raw`"\udc00\ud800"`,
  "line separators and a byte order mark": '"\u2028\u2029\ufeff"',
  "a member called __proto__": '{"__proto__":{"a":1},"constructor":2}',
  "an empty name": '{"":""}',
  "zero": "0",
  "false": "false",
  "an empty text": '""',
  "an empty object": "{}",
  "nulls inside": '{"a":null,"b":[null]}',
};

function keeps(name: string, run: Case["run"]): Case {
  return { capability: "payload fidelity", name, setup, run };
}

/** An echo of so many bytes. */
function large(bytes: number, what: string): Case {
  return keeps(`keeps a payload of ${what}`, async (scene) => {
    const caller = await scene.caller(128 * MEGABYTE);
    const payload = new Uint8Array(bytes).fill(0x61);
    payload[0] = payload[bytes - 1] = 0x22;
    const { body } = onlyFrame(await caller.call(payload, undefined, 30_000));
    expect(body.length === bytes, `${bytes} bytes`, `${body.length}`);
    expect(Buffer.compare(body, payload) === 0, "the same bytes", "others");
  });
}

/** Deep nesting is answered one way or the other, and harms nobody. */
function deep(levels: number): Case {
  return keeps(
    `keeps or refuses ${levels.toLocaleString("en")} levels of nesting`,
    async (scene) => {
      const caller = await scene.caller();
      const payload = `{"a":${"[".repeat(levels)}1${"]".repeat(levels)}}`;
      const answer = await caller.call(payload);
      if (answer.failure) {
        const codes = ["msg_parsing_error", "processing_error", "resource_limit"];
        expect(codes.includes(answer.failure.error), codes.join(" or "), answer.failure);
      } else expect(textOf(onlyFrame(answer).body) === payload, "the same payload", "another");
      await works(scene);
    },
  );
}

export const PAYLOADS: readonly Case[] = [
  ...Object.entries(TEXTS).map(([what, text]) =>
    keeps(`keeps ${what}`, async (scene) => {
      const caller = await scene.caller();
      const { body } = onlyFrame(await caller.call(text));
      expect(textOf(body) === text, `the bytes ${hex(bytesOf(text))}`, hex(body));
    })
  ),
  {
    ...keeps("writes text of every kind so that it is JSON again", async (scene) => {
      const caller = await scene.caller();
      for (
        const value of ["\u{1F600} \u4e16 \u00fc", '"\\/\u0000\u001f\u2028', "", {
          a: [true, null, 1.5],
        }]
      ) {
        const text = await caller.one(JSON.stringify(value));
        expectSame(jsonOf(text), { was: value }, "the value");
      }
    }),
    setup: { handler: "wrap" },
  },
  {
    ...keeps("writes lone surrogates as escapes, never as broken UTF-8", async (scene) => {
      const caller = await scene.caller();
      const text = await caller.one(String.raw`{"t":"a\ud800b"}`);
      const { was } = jsonOf(text) as { was?: { t?: string } };
      expect(was?.t === "a\ud800b" || was?.t === "a\ufffdb", "the text, or a mark for it", text);
    }),
    setup: { handler: "wrap" },
  },
  keeps("keeps 512 levels of nesting", async (scene) => {
    const caller = await scene.caller();
    const payload = `{"a":${"[".repeat(512)}1${"]".repeat(512)}}`;
    expectSame(await caller.one(payload), payload, "an echo of");
  }),
  deep(5_000),
  deep(100_000),
  large(MEGABYTE, "1 MiB"),
  large(64 * MEGABYTE, "64 MiB"),
  {
    ...keeps("sends an answer that is far larger than its request", async (scene) => {
      const caller = await scene.caller();
      const text = await caller.one(`{"bytes":${8 * MEGABYTE}}`);
      expect(text.length === 8 * MEGABYTE + 2, "8 MiB and two quotes", `${text.length}`);
    }),
    setup: { handler: "big" },
  },
  {
    ...keeps("answers resource_limit where a frame would be above max_frame", async (scene) => {
      const caller = await scene.caller(1_000);
      const { failure, frames } = await caller.call('{"bytes":1000}');
      expect(
        failure?.error === "resource_limit",
        "resource_limit",
        failure ?? `${frames.length} frames`,
      );
      expectSame((await caller.one('{"bytes":900}')).length, 902, "bytes");
    }),
    setup: { handler: "big" },
  },
  {
    ...keeps("sends frames of exactly max_frame, header included", async (scene) => {
      const probe = await scene.caller();
      const [frame] = (await probe.call('{"bytes":500}')).frames;
      const size = 16 + bytesOf(frame!.headText).length + frame!.body.length;
      const exact = await scene.caller(size);
      expectSame((await exact.one('{"bytes":500}')).length, 502, "bytes");
      const less = await scene.caller(size - 1);
      expectSame((await less.call('{"bytes":500}')).failure?.error, "resource_limit", "error");
    }),
    setup: { handler: "big" },
  },
  {
    ...keeps("keeps what a handler prints away from the socket", async (scene) => {
      const caller = await scene.caller();
      const { arrivals } = await caller.call('{"a":1}');
      expectSame(arrivals.map((one) => one.type), [TYPE.FRAME, TYPE.END], "frames");
      await caller.one('{"a":2}');
    }),
    setup: { handler: "noisy" },
  },
];
