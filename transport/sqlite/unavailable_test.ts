import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { TransportUnavailable } from "../queue.ts";
import { isBusy, unavailable } from "./unavailable.ts";

function errorOf(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  assert.fail("did not throw");
}

Deno.test("unavailable() says what to do about a file that cannot be opened", () => {
  const error = errorOf(() => new DatabaseSync("/no/such/folder/queue.sqlite"));
  const seen = unavailable("/no/such/folder/queue.sqlite", error);
  assert.ok(seen instanceof TransportUnavailable);
  assert.match(seen.message, /^\/no\/such\/folder\/queue.sqlite cannot be opened; check/);
  assert.equal(seen.cause, error);
});

Deno.test("unavailable() knows a cause by its text where the code is missing", () => {
  const error = Object.assign(new Error("database disk image is malformed"), {
    code: "ERR_SQLITE_ERROR",
  });
  const seen = unavailable("q.sqlite", error);
  assert.ok(seen instanceof TransportUnavailable);
  assert.match(seen.message, /q.sqlite is damaged; stop its users/);
});

Deno.test("unavailable() leaves errors alone that are not SQLite's", () => {
  const error = new TypeError("a defect");
  assert.equal(unavailable("q.sqlite", error), error);
});

Deno.test("isBusy() knows extended codes and nothing else", () => {
  const sqlite = (errcode: number) =>
    Object.assign(new Error("?"), { code: "ERR_SQLITE_ERROR", errcode });
  assert.equal(isBusy(sqlite(5)), true);
  assert.equal(isBusy(sqlite(261)), true); // SQLITE_BUSY_RECOVERY
  assert.equal(isBusy(sqlite(13)), false);
  assert.equal(isBusy(new Error("is locked")), false);
});
