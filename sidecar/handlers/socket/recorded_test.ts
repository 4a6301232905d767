/** The answers of an unmodified 0.1.1 runtime, byte for byte as they were recorded. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { HandlerError, HandlerGone, InvalidAnswer } from "../handler.ts";
import { call, FakeRuntime, Sink, text, withHandler, within } from "./fake_runtime.ts";

const FIXTURE = new URL("../../../tests/fixtures/wire/runtime-v1.json", import.meta.url);

interface Case {
  readonly name: string;
  readonly response_frame_base64: string | null;
}

interface Element {
  readonly payload?: unknown;
  readonly route?: unknown;
  readonly headers?: unknown;
  readonly error?: unknown;
  readonly details?: { readonly message?: string; readonly type?: string };
}

const { cases } = JSON.parse(Deno.readTextFileSync(FIXTURE)) as { cases: readonly Case[] };

/** The elements of a recorded answer; `undefined` where it is no JSON (NaN, Infinity). */
function elementsOf(answer: Uint8Array): readonly (Element | null)[] | undefined {
  try {
    return JSON.parse(text(answer.subarray(4)));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isFrame(element: Element | null): boolean {
  return typeof element === "object" && element !== null && "payload" in element &&
    "route" in element;
}

for (const { name, response_frame_base64 } of cases) {
  Deno.test(`socketHandler() understands what 0.1.1 answered: ${name}`, async () => {
    const answer = Buffer.from(response_frame_base64 ?? "", "base64");
    await withHandler({}, async (handler, dir) => {
      const runtime = FakeRuntime.start(dir, "ready", async (peer) => {
        if (await peer.request() !== undefined) await peer.write(new Uint8Array(answer));
      });
      try {
        await handler.ready(within());
        const handling = handler.handle(call(), new Sink());
        if (response_frame_base64 === null) return await assert.rejects(handling, HandlerGone);
        const elements = elementsOf(answer);
        const failure = elements?.find((element) => typeof element?.error === "string");
        if (failure) {
          const { message, type } = failure.details ?? {};
          return await assert.rejects(handling, (e) => {
            assert.ok(e instanceof HandlerError);
            assert.equal(e.failure.code, failure.error);
            if (message !== undefined) assert.equal(e.failure.message, message);
            assert.equal(e.failure.type, type);
            return true;
          });
        }
        if (elements === undefined || !elements.every(isFrame)) {
          return await assert.rejects(handling, InvalidAnswer);
        }
        const { frames } = await handling;
        assert.equal(frames.length, elements.length);
        for (const [at, { payload, route, headers }] of (elements as Element[]).entries()) {
          const frame = frames[at]!;
          assert.deepEqual(JSON.parse(text(frame.payload)), payload);
          assert.deepEqual(JSON.parse(frame.route!), route);
          assert.deepEqual(
            frame.headers === undefined ? undefined : JSON.parse(frame.headers),
            headers,
          );
        }
      } finally {
        await runtime.stop();
      }
    });
  });
}
