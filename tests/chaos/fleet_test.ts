import assert from "node:assert/strict";
import { project, put } from "../project.ts";
import { account, untilArrived } from "./account.ts";
import { startFleet } from "./fleet.ts";
import { untilBack, untilOutageShown } from "./health.ts";
import { batch } from "./work.ts";

const sqlite = (dir: string) => ({
  ASYA_TRANSPORT: "sqlite",
  ASYA_SQLITE_PATH: `${dir}/queue.db`,
});

Deno.test("startFleet() runs the whole system over SQLite, and account() finds everything after kills", async () => {
  await using folder = await project({});
  await using fleet = await startFleet({ env: sqlite(folder.dir) });
  const { envelopes, results } = batch("e", 200);
  await put(fleet.transport, envelopes);
  await untilArrived(fleet, 40);
  await fleet.sidecar("work").kill9();
  await fleet.sidecar("work").start();
  await untilArrived(fleet, 100);
  await fleet.runtime("note").kill9();
  const { duplicates } = await account(fleet, { results });
  assert.ok(duplicates <= 1, `${duplicates} calls were made twice`);
  await untilBack(fleet); // a runtime that is just starting does not leave in order
  for (const [name, code] of Object.entries(await fleet.stop())) assert.equal(code, 0, name);
});

Deno.test("untilOutageShown() fails when a sidecar says that it is ready", async () => {
  await using folder = await project({});
  await using fleet = await startFleet({ env: sqlite(folder.dir) });
  const shown = untilOutageShown(fleet, { withinMs: 500, forMs: 5_000 });
  await assert.rejects(shown, /still says that it is ready/);
});

Deno.test("account() fails when an envelope is missing, is a stranger, or was made of another", async () => {
  await using folder = await project({});
  await using fleet = await startFleet({ env: sqlite(folder.dir) });
  const { envelopes, results } = batch("e", 20);
  await put(fleet.transport, envelopes);
  const fails = (changed: ReadonlyMap<string, unknown>, why: RegExp) =>
    assert.rejects(account(fleet, { results: changed, limitMs: 3_000 }), why);
  await fails(new Map([...results, ["absent", {}]]), /not within .* there are 24/);
  await fails(new Map([...results].slice(1)), /extra[^]*e-0/);
  await fails(new Map([...results].slice(1).concat([["absent", {}]])), /lost[^]*absent/);
  await fails(new Map([...results, ["e-3", { n: 4, square: 16 }]]), /e-3/);
  await account(fleet, { results, duplicatesAtMost: 0 });
});
