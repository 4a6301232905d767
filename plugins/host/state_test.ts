import assert from "node:assert/strict";
import { ActorState } from "./state.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("ActorState keeps copies under their keys until they are deleted", () => {
  const state = new ActorState(1_000);
  const value = bytes("one");
  state.set("a", value);
  value.fill(0);
  state.get("a")!.fill(0);
  assert.deepEqual(state.get("a"), bytes("one"));
  state.set("a", bytes("another"));
  assert.deepEqual(state.get("a"), bytes("another"));
  state.set("__proto__", new Uint8Array());
  assert.deepEqual(state.get("__proto__"), new Uint8Array());
  assert.equal(state.get("b"), undefined);
  state.delete("a");
  state.delete("never there");
  assert.equal(state.get("a"), undefined);
});

Deno.test("ActorState.set() refuses what goes beyond the bound, and keeps the old value", () => {
  const state = new ActorState(128 + 1 + 100);
  state.set("k", bytes("x".repeat(100)));
  assert.throws(() => state.set("k", bytes("y".repeat(101))), {
    code: "host_limit",
    message: /would have 230 bytes; its limit is 229/,
  });
  assert.throws(() => state.set("l", new Uint8Array()), { code: "host_limit" }, "entries cost too");
  assert.equal(state.get("k")!.length, 100);
  state.set("k", bytes("y".repeat(100)));
  state.delete("k");
  state.delete("k");
  state.set("é", bytes("x".repeat(99)));
  assert.throws(() => state.set("é", bytes("x".repeat(100))), /would have 230/);
});

Deno.test("ActorState refuses keys of more than 1 KiB, and everything where there is no room", () => {
  const state = new ActorState(10_000);
  state.set("é".repeat(512), bytes("fits"));
  for (const key of ["é".repeat(513), "x".repeat(1_025)]) {
    assert.throws(() => state.set(key, bytes("")), { code: "host_limit", message: /1024 bytes/ });
    assert.throws(() => state.get(key), { code: "host_limit" });
  }
  const none = new ActorState(0);
  for (const act of [() => none.get("a"), () => none.set("a", bytes("")), () => none.delete("a")]) {
    assert.throws(act, { code: "denied", message: /may keep no state/ });
  }
});
