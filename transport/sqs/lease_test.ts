import assert from "node:assert/strict";
import { Lease } from "./lease.ts";

const HOURS_12_S = 12 * 3600;

/** A lease of 60 s that began at 0. */
const lease = () => new Lease(60, HOURS_12_S * 1000, 0);

Deno.test("Lease.over() says a little before the visibility time-out ends that no sign of life came through", () => {
  const one = lease();
  assert.equal(one.over(53_999), undefined);
  assert.match(one.over(54_000)!.message, /no sign of life reached SQS for 60 s/);
});

Deno.test("Lease.extend() counts from when it was asked for, and only when it was granted", async () => {
  const one = lease();
  await one.extend(20_000, () => Promise.resolve(true));
  assert.equal(one.over(79_999), undefined);
  await one.extend(40_000, () => Promise.resolve(false));
  assert.notEqual(one.over(80_000), undefined);
});

Deno.test("Lease.due() is true early enough for a third of the time, and not while it is extended", async () => {
  const one = lease();
  assert.deepEqual([one.due(17_999), one.due(18_000)], [false, true]);
  await one.extend(18_000, () => {
    assert.equal(one.due(19_000), false);
    return Promise.resolve(true);
  });
  assert.deepEqual([one.due(35_999), one.due(36_000)], [false, true]);
});

Deno.test("Lease.extend() goes to the longest that the service allows, and over() says so", async () => {
  const one = lease();
  const asked: number[] = [];
  const grant = (seconds: number) => {
    asked.push(seconds);
    return Promise.resolve(true);
  };
  for (let s = 20; s < HOURS_12_S; s += 20) await one.extend(s * 1000, grant);
  assert.deepEqual(asked.slice(-4), [60, 60, 40, 20]);
  assert.equal(one.over(HOURS_12_S * 1000 - 1), undefined);
  assert.match(one.over(HOURS_12_S * 1000)!.message, /for more than 12 hours/);
});

Deno.test("Lease.endsHere() keeps what was granted and asks for no more", async () => {
  const one = lease();
  one.endsHere();
  await one.extend(53_500, () => assert.fail("asked"));
  assert.equal(one.over(53_999), undefined);
  assert.match(one.over(54_000)!.message, /12 hours/);
});
