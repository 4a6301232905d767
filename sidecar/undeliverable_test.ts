import assert from "node:assert/strict";
import { type Envelope, parseEnvelope } from "@asya/envelope";
import type { Send } from "./plan.ts";
import { readSidecarSettings } from "./settings.ts";
import { bytes, envelope, Stage, until } from "./test_stage.ts";
import { insteadOfTooLarge } from "./undeliverable.ts";

const END = { ASYA_ACTOR_NAME: "happy-end", ASYA_IS_END_ACTOR: "true" };

Deno.test("insteadOfTooLarge() has an end actor's retry wait as long, without its status", () => {
  const rules = readSidecarSettings({ ASYA_TRANSPORT: "sqlite", ...END });
  const parsed = (more: object): Envelope => parseEnvelope(bytes(envelope(1, more)));
  const retry = { type: "retry", actor: "happy-end", delayMs: 4_000 } as const;
  const send: Send = { ...retry, envelope: parsed({ status: { attempt: 3 } }) };
  const instead = insteadOfTooLarge(send, undefined, 101, 100, rules);
  assert.deepEqual(instead, { ...retry, envelope: parsed({}) });
  assert.equal(insteadOfTooLarge(instead!, undefined, 101, 100, rules), undefined);
});

Deno.test("an end actor tries an envelope again that has no room for its status", async () => {
  const maxMessageBytes = 2_000;
  await using stage = await Stage.open({ maxMessageBytes });
  const finished = { route: { actors: ["prep"], current: 1 } };
  const room = maxMessageBytes - envelope("", finished).length;
  await stage.send("happy-end", envelope("x".repeat(room), finished));
  let calls = 0;
  const sidecar = stage.start({
    env: END,
    handler: () =>
      ++calls === 1 ? Promise.reject(new Error("no disk")) : Promise.resolve({ frames: [] }),
  });
  await until(() => sidecar.stats().succeeded === 1, "the second attempt");
  assert.equal(sidecar.stats().retried, 1);
  const letters = stage.transport.queue("happy-end").deadLetters("happy-end");
  assert.deepEqual(await letters.list(1), []);
});
