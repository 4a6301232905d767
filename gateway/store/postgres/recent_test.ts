import assert from "node:assert/strict";
import { newCall } from "../../envelopes/create.ts";
import { Recent, type Written } from "./recent.ts";

const update = (seq: number, more: { data?: string; result?: string } = {}) =>
  ({ kind: "update", final: more.result !== undefined, data: "{}", seq, ...more }) as const;

function written(id: string, tail?: Written["tail"]): Written {
  const record = newCall({ id, actors: ["prep"], now: 1_000, publishAfter: 5_000 });
  return { record, version: 3, seq: 2, ...tail ? { tail } : {} };
}

Deno.test("Recent.updates() gives those behind the number before them, and no others", () => {
  const recent = new Recent();
  const updates = [update(2), update(3, { result: "7" })];
  recent.wrote(written("a", { after: 1, updates }));
  assert.deepEqual(recent.updates("a", 1, 10), updates);
  assert.deepEqual(recent.updates("a", 1, 1), updates.slice(0, 1));
  for (const after of [0, 2, 3]) assert.equal(recent.updates("a", after, 10), undefined);
  assert.equal(recent.updates("b", 1, 10), undefined);
  recent.wrote(written("c", { after: 1, updates: [] })); // that there are none, it cannot know
  assert.equal(recent.updates("c", 1, 10), undefined);
});

Deno.test("Recent.updates() does not know them where the row came without", () => {
  const recent = new Recent();
  recent.wrote(written("a", { after: 1, updates: [update(2)] }));
  recent.wrote(written("a"));
  assert.equal(recent.updates("a", 1, 10), undefined);
  assert.equal(recent.row("a")?.version, 3);
});

Deno.test("Recent keeps the row and not the updates where these are long", () => {
  for (const long of [{ data: "x".repeat(20_000) }, { result: "x".repeat(20_000) }]) {
    const recent = new Recent();
    recent.wrote(written("a", { after: 1, updates: [update(2, long)] }));
    assert.equal(recent.updates("a", 1, 10), undefined);
    assert.equal(recent.row("a")?.seq, 2);
  }
});

Deno.test("Recent keeps the rows that were written last", () => {
  const recent = new Recent(2);
  for (const id of ["a", "b", "a", "c"]) recent.wrote(written(id));
  assert.deepEqual(["a", "b", "c"].map((id) => recent.row(id)?.record.id), ["a", undefined, "c"]);
});

Deno.test("Recent.forget() and Recent.forgetAll() leave nothing", () => {
  const recent = new Recent();
  for (const id of ["a", "b", "c"]) recent.wrote(written(id));
  recent.forget("a");
  assert.equal(recent.row("a"), undefined);
  assert.equal(recent.row("b")?.record.id, "b");
  recent.forgetAll();
  assert.equal(recent.row("b"), undefined);
});
