/**
 * The version 1 exchanges recorded from 0.1.1, as far as their handlers exist in every language.
 * Compared are frames as JSON values and the codes of errors; the words of a parser are its own.
 */

import { Buffer } from "node:buffer";
import type { Case } from "../case.ts";
import { failure1, framesOf, readMessage } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { jsonOf } from "../wire.ts";

const FIXTURE = new URL("../../../tests/fixtures/wire/runtime-v1.json", import.meta.url);

interface Recorded {
  readonly name: string;
  readonly env: {
    readonly source: string;
    readonly mode: string;
    readonly validation: boolean;
  };
  readonly request_frame_base64: string;
  readonly response_frame_base64: string | null;
  readonly write_sizes?: readonly number[];
  readonly half_close?: boolean;
  readonly defect?: string;
}

/** Conformance handlers by the recorded handler's source. */
const HANDLERS: Readonly<Record<string, string>> = {
  "def process(payload):\n    return payload\n": "echo",
  "def process(payload):\n    return None\n": "nothing",
  "def process(payload):\n    return []\n": "nothing",
  "def process(payload):\n    return ()\n": "nothing",
};

/**
 * What is a language's own: how many digits a parser takes, and that a list or null which a handler
 * returns says how many frames there are.
 */
const OPEN = new Set([
  "big-integer-5000-digits",
  "big-integers",
  "deep-nesting-5000",
  "fanout-echoed-array",
  "payload-null",
]);

function same(recorded: Recorded, text: string): void {
  const known = Buffer.from(recorded.response_frame_base64!, "base64").subarray(4).toString();
  const [first] = jsonOf(known) as Record<string, unknown>[];
  if (typeof first?.error === "string" && "details" in first) failure1(text, first.error);
  else expectSame(framesOf(text), jsonOf(known), "the recorded answer");
}

/** Every recorded exchange that a runtime of any language can be asked to repeat. */
export function recordedCases(): Case[] {
  const { cases } = JSON.parse(Deno.readTextFileSync(FIXTURE)) as { cases: readonly Recorded[] };
  return cases.flatMap((recorded): Case[] => {
    const { source, mode, validation } = recorded.env;
    const handler = HANDLERS[source];
    if (handler === undefined || OPEN.has(recorded.name)) return [];
    if (mode.toLowerCase() !== "payload" || recorded.defect !== undefined) return [];
    return [{
      capability: "version 1",
      name: `answers the recorded request ${recorded.name} as 0.1.1 did`,
      setup: validation ? { handler } : { handler, env: { ASYA_ENABLE_VALIDATION: "false" } },
      run: async (scene) => {
        using peer = await scene.peer();
        const request = Buffer.from(recorded.request_frame_base64, "base64");
        let at = 0;
        for (const size of recorded.write_sizes ?? []) {
          await peer.write(request.subarray(at, at + size));
          at += size;
        }
        await peer.write(request.subarray(at));
        if (recorded.half_close) await peer.endWriting();
        const answer = await readMessage(peer);
        expect(answer !== "", "an answer", "none");
        same(recorded, answer);
      },
    }];
  });
}
