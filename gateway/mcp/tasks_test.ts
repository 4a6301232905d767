import assert from "node:assert/strict";
import { ListTasksResultV1Schema } from "@modelcontextprotocol/ext-tasks/core/v1";
import { GetTaskResultV2Schema } from "@modelcontextprotocol/ext-tasks/core/v2";
import { withMethods } from "../store/with_methods.ts";
import { type Harness, startHarness, until } from "../testing/harness.ts";
import { readAnswer, type Revision, rpc, rpcRequest } from "./testing.ts";

const PAIR = { name: "pair", arguments: {} };

async function start(harness: Harness, revision: Revision): Promise<string> {
  const ask = revision === "2025-11-25" ? { ...PAIR, task: { ttl: 60_000 } } : PAIR;
  const { result } = await rpc(harness, revision, "tools/call", ask);
  const task = revision === "2025-11-25" ? result.task : result;
  assert.equal(task.status, "working");
  return task.taskId;
}

async function finish(harness: Harness, id: string, final: unknown): Promise<void> {
  const response = await harness.request("POST", `/envelopes/${id}/final`, final);
  assert.equal(response.status, 200, await response.text());
}

for (const revision of ["2025-11-25", "2026-07-28"] as const) {
  const test = (what: string, body: (harness: Harness) => Promise<void>) =>
    Deno.test(`tasks of ${revision}: ${what}`, async () => {
      await using harness = await startHarness();
      await body(harness);
    });

  test("the id is the envelope's, and progress is its message", async (harness) => {
    const id = await start(harness, revision);
    assert.equal((await harness.store.head(id))?.tool, "pair");
    const progress = { status: "received", current_actor_idx: 0, message: "got it" };
    await (await harness.request("POST", `/envelopes/${id}/progress`, progress)).body?.cancel();
    const { result } = await rpc(harness, revision, "tasks/get", { taskId: id });
    assert.equal(result.status, "working");
    assert.equal(result.statusMessage, "got it");
  });

  test("tasks/cancel cancels the envelope", async (harness) => {
    const id = await start(harness, revision);
    const { result } = await rpc(harness, revision, "tasks/cancel", { taskId: id });
    assert.equal(result.status, revision === "2025-11-25" ? "cancelled" : undefined);
    assert.equal((await harness.store.head(id))?.state, "cancelled");
    const after = await rpc(harness, revision, "tasks/get", { taskId: id });
    assert.equal(after.result.status, "cancelled");
  });

  test("an unknown id is invalid, whatever is asked", async (harness) => {
    const methods = revision === "2025-11-25"
      ? ["tasks/get", "tasks/result", "tasks/cancel"]
      : ["tasks/get", "tasks/update", "tasks/cancel"];
    for (const method of methods) {
      const { error } = await rpc(harness, revision, method, {
        taskId: "../nobody",
        inputResponses: {},
      });
      assert.equal(error?.code, -32602, method);
      assert.match(error!.message, /nobody/);
    }
  });

  test("a task that another gateway on the same store made is answered for", async (harness) => {
    const id = await start(harness, revision);
    // The owner closes the store.
    const store = withMethods(harness.store, { close: () => Promise.resolve() });
    await using other = await startHarness({ store });
    const { result } = await rpc(other, revision, "tasks/get", { taskId: id });
    assert.equal(result.taskId, id);
    await rpc(other, revision, "tasks/cancel", { taskId: id });
    const after = await rpc(harness, revision, "tasks/get", { taskId: id });
    assert.equal(after.result.status, "cancelled");
  });
}

Deno.test("tasks/result of 2025-11-25 waits for the end and gives the result with its task", async () => {
  await using harness = await startHarness();
  const id = await start(harness, "2025-11-25");
  const asked = rpc(harness, "2025-11-25", "tasks/result", { taskId: id });
  await finish(harness, id, '{"status":"succeeded","result":{"n":9007199254740993}}');
  const { result } = await asked;
  assert.equal(result.content[0].text, '{"n":9007199254740993}');
  assert.equal(result._meta["io.modelcontextprotocol/related-task"].taskId, id);
  const again = await rpc(harness, "2025-11-25", "tasks/result", { taskId: id });
  assert.deepEqual(again.result, result);
});

Deno.test("structuredContent keeps digits that JavaScript would change", async () => {
  await using harness = await startHarness();
  const id = await start(harness, "2025-11-25");
  await finish(harness, id, '{"status":"succeeded","result":{"n":9007199254740993,"x":1e400}}');
  const request = rpcRequest("2025-11-25", "tasks/result", { taskId: id });
  const text = await (await harness.gateway.app.fetch(request)).text();
  assert.match(text, /"structuredContent":\{"n":9007199254740993,"x":1e400\}/);
});

Deno.test("tasks/result of 2025-11-25 gives a failure as the call would have", async () => {
  await using harness = await startHarness();
  const id = await start(harness, "2025-11-25");
  await finish(harness, id, {
    status: "failed",
    error: "processing_error",
    error_details: { message: "boom" },
  });
  const { result } = await rpc(harness, "2025-11-25", "tasks/result", { taskId: id });
  assert.equal(result.isError, true);
  assert.equal(result.content[0].text, "processing_error: boom");
  const get = await rpc(harness, "2025-11-25", "tasks/get", { taskId: id });
  assert.equal(get.result.status, "failed");
});

Deno.test("tasks/result of 2025-11-25 says that the task goes on when the gateway stops", async () => {
  await using harness = await startHarness();
  const id = await start(harness, "2025-11-25");
  const response = await harness.gateway.app.fetch(
    rpcRequest("2025-11-25", "tasks/result", { taskId: id }),
  );
  const [{ error }] = await Promise.all([readAnswer(response), harness.gateway.close()]);
  assert.equal(error?.code, -32603);
  assert.match(error!.message, /goes on/);
  assert.equal((await harness.store.head(id))?.state, "running");
});

Deno.test("tasks/cancel of 2025-11-25 refuses a task that has ended", async () => {
  await using harness = await startHarness();
  const id = await start(harness, "2025-11-25");
  await finish(harness, id, { status: "succeeded", result: 1 });
  const { error } = await rpc(harness, "2025-11-25", "tasks/cancel", { taskId: id });
  assert.equal(error?.code, -32602);
  assert.match(error!.message, /succeeded already/);
});

Deno.test("tasks/list of 2025-11-25 gives every call once, the newest first, over pages", async () => {
  await using harness = await startHarness();
  const ids = new Set<string>();
  for (let n = 0; n < 105; n++) ids.add(await harness.call("pair", {}));
  await (await harness.request("POST", "/envelopes", {
    id: "child",
    parent_id: [...ids][0],
    actors: ["prep"],
    current: 0,
  })).body?.cancel();
  const seen: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 3; page++) {
    const { result } = await rpc(harness, "2025-11-25", "tasks/list", cursor ? { cursor } : {});
    const { tasks, nextCursor } = ListTasksResultV1Schema.parse(result);
    seen.push(...tasks.map(({ taskId }) => taskId));
    if (nextCursor === undefined) break;
    cursor = nextCursor;
  }
  assert.equal(seen.length, 105);
  assert.deepEqual(new Set(seen), ids);
  const { error } = await rpc(harness, "2025-11-25", "tasks/list", { cursor: "made up" });
  assert.equal(error?.code, -32602);
});

Deno.test("a task of 2025-11-25 cannot be made of bad arguments, which are named", async () => {
  await using harness = await startHarness();
  const ask = { name: "echo", arguments: { n: 1 }, task: {} };
  const { error } = await rpc(harness, "2025-11-25", "tools/call", ask);
  assert.equal(error?.code, -32602);
  assert.match(error!.message, /missing required parameter: text/);
  assert.equal(harness.sent.length, 0);
});

Deno.test("tasks/get of 2026-07-28 brings the result along", async () => {
  await using harness = await startHarness();
  const id = await start(harness, "2026-07-28");
  await finish(harness, id, { status: "succeeded", result: { r: [1] } });
  const { result } = await rpc(harness, "2026-07-28", "tasks/get", { taskId: id });
  const task = GetTaskResultV2Schema.parse(result);
  assert.ok(task.status === "completed");
  assert.deepEqual(task.result.structuredContent, { r: [1] });
  assert.deepEqual(task.result.content, [{ type: "text", text: '{"r":[1]}' }]);
});

Deno.test("tasks/cancel of 2026-07-28 is acknowledged however often", async () => {
  await using harness = await startHarness();
  const id = await start(harness, "2026-07-28");
  for (let n = 0; n < 2; n++) {
    const { result } = await rpc(harness, "2026-07-28", "tasks/cancel", { taskId: id });
    assert.equal(result.resultType, "complete");
    assert.equal("taskId" in result, false);
  }
});

Deno.test("a client of 2026-07-28 that does not say that it takes tasks gets none", async () => {
  await using harness = await startHarness();
  const none = { tasks: false };
  const call = await rpc(harness, "2026-07-28", "tools/call", PAIR, none);
  assert.equal(call.result.resultType, "complete");
  assert.match(call.result.content[0].text, /envelope_id/);
  for (
    const [method, params] of [
      ["tasks/get", { taskId: "x" }],
      ["tasks/update", { taskId: "x", inputResponses: {} }],
      ["tasks/cancel", { taskId: "x" }],
      ["subscriptions/listen", { notifications: { taskIds: ["x"] } }],
    ] as const
  ) {
    const { status, error } = await rpc(harness, "2026-07-28", method, params, none);
    assert.equal(error?.code, -32021, method);
    assert.equal(status, 400, method);
    assert.deepEqual(error?.data, {
      requiredCapabilities: { extensions: { "io.modelcontextprotocol/tasks": {} } },
    });
  }
});

Deno.test("tasks/result and tasks/list are of 2025-11-25 only", async () => {
  await using harness = await startHarness();
  for (const method of ["tasks/result", "tasks/list"]) {
    const { error } = await rpc(harness, "2026-07-28", method, { taskId: "x" });
    assert.equal(error?.code, -32601, method);
  }
  const { error } = await rpc(harness, "2025-11-25", "tasks/update", { taskId: "x" });
  assert.equal(error?.code, -32601);
});

Deno.test("a client that leaves tasks/result is waited for no longer", async () => {
  const watched = new Set<string>();
  await using harness = await startHarness();
  const { watch } = harness.store;
  harness.store.watch = (id, wake) => {
    const undo = watch.call(harness.store, id, wake);
    watched.add(id);
    return () => {
      watched.delete(id);
      undo();
    };
  };
  const id = await start(harness, "2025-11-25");
  const response = await harness.gateway.app.fetch(
    rpcRequest("2025-11-25", "tasks/result", { taskId: id }),
  );
  await until("it waits", () => watched.has(id));
  await response.body!.cancel();
  await until("it does not wait any more", () => !watched.has(id));
});
