import assert from "node:assert/strict";
import {
  CreateTaskResultV1Schema,
  GetTaskResultV1Schema,
} from "@modelcontextprotocol/ext-tasks/core/v1";
import {
  CreateTaskResultV2Schema,
  DetailedTaskV2Schema,
} from "@modelcontextprotocol/ext-tasks/core/v2";
import type { EnvelopeRecord } from "../envelopes/record.ts";
import { chooseAnswer } from "./call.ts";
import { newTask2026, task2025, task2026 } from "./task.ts";

const OPEN: EnvelopeRecord = {
  id: "e",
  tool: "t",
  state: "running",
  actors: ["a"],
  current: 0,
  progressPercent: 10,
  currentActorIdx: 0,
  message: "got it",
  actorsCompleted: 0,
  totalActors: 1,
  createdAt: 0,
  updatedAt: 1_000,
};

const failed = (error: string): Partial<EnvelopeRecord> => ({ state: "failed", error });
const boom = '{"error":"x","details":{"message":"boom"}}';

const STATES: readonly {
  readonly record: Partial<EnvelopeRecord>;
  readonly result?: string;
  readonly v1: string;
  readonly v2: string;
  readonly message: string | undefined;
}[] = [
  { record: { state: "pending" }, v1: "working", v2: "working", message: "got it" },
  { record: {}, v1: "working", v2: "working", message: "got it" },
  { record: { state: "paused" }, v1: "working", v2: "working", message: "paused" },
  {
    record: { state: "succeeded" },
    result: "1",
    v1: "completed",
    v2: "completed",
    message: undefined,
  },
  {
    record: failed("processing_error"),
    result: boom,
    v1: "failed",
    v2: "completed",
    message: "processing_error",
  },
  {
    record: failed("route_error"),
    result: boom,
    v1: "failed",
    v2: "failed",
    message: "route_error",
  },
  { record: failed("timeout_error"), v1: "failed", v2: "failed", message: "timeout_error" },
  {
    record: { state: "cancelled", error: "cancelled" },
    v1: "cancelled",
    v2: "cancelled",
    message: "cancelled",
  },
];

for (const { record: change, result, v1, v2, message } of STATES) {
  const record = { ...OPEN, ...change };
  const what = `${record.state} ${change.error ?? ""}`.trim();

  Deno.test(`task2025() of an envelope that is ${what} is ${v1}, as the schemas have it`, () => {
    const task = task2025(record);
    assert.deepEqual(GetTaskResultV1Schema.parse(task), task);
    assert.deepEqual(CreateTaskResultV1Schema.parse({ task }), { task });
    assert.equal(task.status, v1);
    assert.equal(task.statusMessage, message);
    assert.equal(task.createdAt, "1970-01-01T00:00:00.000Z");
    assert.equal(task.lastUpdatedAt, "1970-01-01T00:00:01.000Z");
  });

  Deno.test(`task2026() of an envelope that is ${what} is ${v2}, as the schemas have it`, () => {
    const task = task2026({ record, payload: "{}", ...result === undefined ? {} : { result } });
    assert.deepEqual(DetailedTaskV2Schema.parse(task), task);
    assert.equal(task.status, v2);
    assert.equal(task.statusMessage, message);
    const created = { resultType: "task", ...newTask2026(record) };
    assert.deepEqual(CreateTaskResultV2Schema.parse(created), created);
  });
}

Deno.test("task2026() keeps apart what an actor and what the system did not do", () => {
  const task = (error: string) =>
    task2026({ record: { ...OPEN, ...failed(error) }, payload: "{}", result: boom });
  const byActor = task("processing_error");
  assert.ok(byActor.status === "completed");
  assert.equal(byActor.result.isError, true);
  assert.deepEqual(byActor.result.content, [{ type: "text", text: "processing_error: boom" }]);
  const bySystem = task("route_error");
  assert.ok(bySystem.status === "failed");
  assert.deepEqual(bySystem.error, {
    code: -32603,
    message: "route_error: boom",
    data: { code: "route_error" },
  });
});

for (
  const [asksTask, takesTasks, wantsProgress, answer] of [
    [false, false, false, "place"],
    [false, false, true, "result"],
    [false, true, false, "task"],
    [false, true, true, "result"],
    [true, false, false, "task"],
    [true, false, true, "task"],
  ] as const
) {
  Deno.test(`chooseAnswer() of ${JSON.stringify({ asksTask, takesTasks, wantsProgress })} is ${answer}`, () => {
    assert.equal(chooseAnswer({ asksTask, takesTasks, wantsProgress }), answer);
  });
}
