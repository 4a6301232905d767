import assert from "node:assert/strict";
import { deadLetterQueueName, queueName, routingKey, sqsQueueName, withOwnQueue } from "./names.ts";

Deno.test("queueName() is asya-<actor>, with a prefix asya-<prefix>.<actor>", () => {
  assert.equal(queueName("happy-end"), "asya-happy-end");
  assert.equal(queueName("happy-end", "blue"), "asya-blue.happy-end");
  assert.equal(queueName("prep", ""), "asya-prep");
});

Deno.test("queueName() tells a prefixed actor from one whose name begins alike", () => {
  assert.notEqual(queueName("prep", "a"), queueName("a-prep"));
  assert.notEqual(queueName("b", "a-b"), queueName("b-b", "a"));
});

Deno.test("sqsQueueName() has no dot, which SQS refuses", () => {
  assert.equal(sqsQueueName("prep"), "asya-prep");
  assert.equal(sqsQueueName("prep", "blue"), "asya-blue_prep");
});

Deno.test("routingKey() is the bare actor, with a prefix <prefix>.<actor>", () => {
  assert.equal(routingKey("prep"), "prep");
  assert.equal(routingKey("prep", "blue"), "blue.prep");
});

Deno.test("deadLetterQueueName() stands beside the actor's queue", () => {
  assert.equal(deadLetterQueueName(queueName("prep")), "asya-prep-dlq");
  assert.equal(deadLetterQueueName(sqsQueueName("prep", "blue")), "asya-blue_prep-dlq");
});

Deno.test("withOwnQueue() gives one actor's queue another name, and no other's", () => {
  const names = withOwnQueue((actor) => queueName(actor), { actor: "prep", queueName: "orders" });
  assert.deepEqual(["prep", "infer"].map(names), ["orders", "asya-infer"]);
  assert.equal(withOwnQueue((actor) => queueName(actor), { actor: "prep" })("prep"), "asya-prep");
});
