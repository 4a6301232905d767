import assert from "node:assert/strict";
import { message, takeOne, textOf } from "../conformance/subject.ts";
import { TransportUnavailable } from "../queue.ts";
import { refuse } from "./meddler.ts";
import { SIGNPOST_TAG, signpostPolicy } from "./signpost.ts";
import { staged } from "./stage.ts";

staged(
  "signpostAt() takes a queue for no signpost where its tags may not be listed",
  async (stage) => {
    const { meddler, work, other } = stage;
    const next = other.queue("next");
    await next.declare("next");
    meddler.meddle = ({ action, pass }) =>
      action === "ListQueueTags" ? refuse("AccessDeniedException", "not yours", 403) : pass();
    for (const text of ["a", "b"]) {
      assert.deepEqual(await work.send([message("next", text)]), [{ ok: true }]);
    }
    assert.equal(textOf(await takeOne(next)), "a");
    assert.equal(meddler.asked.get("ListQueueTags"), 1, "once a queue");
  },
);

staged(
  "signpostAt() does not guess while the service is away",
  async ({ meddler, work, other }) => {
    await other.queue("next").declare("next");
    meddler.meddle = ({ action, pass }) =>
      action === "ListQueueTags" ? refuse("InternalFailure", "it burns", 500) : pass();
    const [result] = await work.send([message("next", "a")]);
    assert.ok(result?.ok === false && result.error instanceof TransportUnavailable);
    assert.equal(meddler.asked.has("SendMessageBatch"), false);
    meddler.meddle = ({ action, pass }) =>
      action === "ListQueueTags"
        ? Response.json({ Tags: { [SIGNPOST_TAG]: "not-there" } })
        : pass();
    const [missing] = await work.send([message("next", "a")]);
    assert.ok(missing?.ok === false && missing.error.code === "queue_missing", String(missing));
  },
);

Deno.test("signpostPolicy() refuses messages for one queue and nothing else", () => {
  const { Statement } = JSON.parse(signpostPolicy("arn:aws:sqs:us-east-1:1:asya-prep"));
  assert.equal(Statement.length, 1);
  const [{ Effect, Action, Resource }] = Statement;
  assert.deepEqual([Effect, Action], ["Deny", "sqs:SendMessage"]);
  assert.equal(Resource, "arn:aws:sqs:us-east-1:1:asya-prep");
});
