/** Calls that are made together. */

import assert from "node:assert/strict";
import { type Running, start, testEach, type WireFrame } from "./testing.ts";

const ENV = { ASYA_BATCH_SIZE: "3", ASYA_BATCH_WAIT: "50ms" };

async function calls(running: Running, payloads: string[]): Promise<WireFrame[]> {
  const peers = await Promise.all(payloads.map(() => running.welcomed()));
  const answers = await Promise.all(payloads.map((one, i) => peers[i]!.call(i + 1, one)));
  return answers.map((answer) => answer[0]!);
}

const message = ({ head }: WireFrame) => (head.details as { message: string }).message;

testEach("as many calls as the batch holds are one call of the handler", async (engine) => {
  await using running = await start(engine, "batch", ENV);
  const peer = await running.hello("call");
  assert.equal((await peer.next())!.head.concurrency, 3);
  const answers = await calls(running, ['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}']);
  const found = answers.map(({ body }) => JSON.parse(body));
  assert.deepEqual(found.map(({ is }) => is.a), [1, 2, 3, 4]);
  assert.deepEqual(found.map(({ of }) => of).toSorted(), [1, 3, 3, 3]);
});

testEach("an item that fails does not fail the others of its batch", async (engine) => {
  await using running = await start(engine, "batch", ENV);
  const answers = await calls(running, ['{"fail":"poor"}', '{"reject":"no"}', '{"a":3}']);
  assert.deepEqual(answers.map(({ type }) => type), [0x85, 0x85, 0x82]);
  assert.deepEqual(answers.slice(0, 2).map(message), ["poor", "no"]);
  assert.equal((answers[0]!.head.details as { type: string }).type, "PaymentError");
});

testEach("of a batch that fails as a whole each call is made alone", async (engine) => {
  await using running = await start(engine, "batch", ENV);
  const answers = await calls(running, ['{"raise":true}', '{"a":2}', '{"a":3}']);
  assert.equal(message(answers[0]!), "spoilt");
  assert.deepEqual(answers.slice(1).map(({ body }) => JSON.parse(body).of), [1, 1]);
});

testEach("a wrong number of results fails all calls, clearly", async (engine) => {
  await using running = await start(engine, "batch", ENV);
  const answers = await calls(running, ['{"short":true}', '{"a":2}', '{"a":3}']);
  for (const answer of answers) {
    assert.match(message(answer), /^the handler returned 0 results for a batch of 3: return one/);
  }
});

testEach("a cancelled call leaves its batch before that is begun", async (engine) => {
  const env = { ASYA_BATCH_SIZE: "3", ASYA_BATCH_WAIT: "60s" };
  await using running = await start(engine, "batch", env);
  const [first, control] = [await running.welcomed(), await running.welcomed("control")];
  const [answer] = await control.cancel(9, first.call(9, '{"a":1}'));
  assert.equal(answer!.head.error, "cancelled");
});
