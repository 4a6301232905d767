import assert from "node:assert/strict";
import { Alarm } from "./alarm.ts";

Deno.test("Alarm rings each limit at its time, an earlier one first, and cleared ones never", async () => {
  const alarm = new Alarm();
  const rung: string[] = [];
  const all = Promise.withResolvers<void>();
  const start = performance.now();
  alarm.set(60, () => {
    rung.push("late");
    all.resolve();
  });
  const never = alarm.set(20, () => rung.push("cleared"));
  alarm.set(30, () => rung.push("early"));
  const far = alarm.set(2 ** 40, () => rung.push("far away"));
  alarm.clear(never);
  await all.promise;
  assert.deepEqual(rung, ["early", "late"]);
  assert.ok(performance.now() - start >= 59);
  alarm.close();
  alarm.clear(far);
  const left = alarm.set(1, () => rung.push("after close"));
  alarm.clear(left);
});

Deno.test("Alarm.close() lets the limits that are set still ring, and keeps no timer after them", async () => {
  const alarm = new Alarm();
  const rung = Promise.withResolvers<void>();
  alarm.set(10, rung.resolve);
  alarm.close();
  await rung.promise;
});
