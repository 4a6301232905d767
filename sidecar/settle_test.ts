import assert from "node:assert/strict";
import {
  DeliveryLost,
  type Outgoing,
  type Queue,
  type SendResult,
  TransportUnavailable,
} from "@asya/transport";
import { envelope, over, Stage, until } from "./test_stage.ts";

type Complete = Queue["complete"];

/** The queue with another `complete`. */
function completing(complete: (real: Complete) => Complete): (queue: Queue) => Queue {
  return (queue) => over(queue, { complete: complete((d, out) => queue.complete(d, out)) });
}

const twoFrames = ({ envelope: { payload } }: { envelope: { payload: Uint8Array } }) =>
  Promise.resolve({ frames: [{ payload }, { payload }] });

Deno.test("Settler.complete() repeats only what was not confirmed, and is not ready meanwhile", async () => {
  await using stage = await Stage.open();
  const rounds: string[][] = [];
  const broker = { away: true };
  const sidecar = stage.start({
    handler: twoFrames,
    queue: (queue) =>
      completing((real) => async (delivery, out) => {
        rounds.push(out.map(({ messageId }) => messageId));
        if (!broker.away) return await real(delivery, out);
        const [first, ...rest] = out as [Outgoing, ...Outgoing[]];
        if (rounds.length === 1) await queue.send([first]);
        const error = new TransportUnavailable("the broker is away");
        const refused = rest.map((): SendResult => ({ ok: false, error }));
        return [rounds.length === 1 ? { ok: true } : { ok: false, error }, ...refused];
      })(queue),
  });
  await stage.send("prep", envelope(1));
  await until(() => rounds.length >= 2, "a second try");
  assert.equal(sidecar.stats().trouble, "the broker is away");
  assert.equal(await stage.count("prep"), 1);
  broker.away = false;
  const out = await stage.take("infer", 2);
  assert.deepEqual(out.map(({ json }) => json.id), ["e-1", "e-1-1"]);
  assert.deepEqual(rounds[0], ["e-1", "e-1-1"]);
  assert.ok(rounds.slice(1).every((ids) => ids.length === 1 && ids[0] === "e-1-1"));
  await stage.untilEmpty("prep");
  await until(() => sidecar.stats().ready, "to be ready again");
});

Deno.test("Settler.complete() keeps on when the transport rejects altogether", async () => {
  await using stage = await Stage.open();
  let tries = 0;
  stage.start({
    queue: completing((real) => async (delivery, out) => {
      if (++tries < 3) throw new TransportUnavailable("no connection");
      return await real(delivery, out);
    }),
  });
  await stage.send("prep", envelope(1));
  await stage.take("infer", 1);
  await stage.untilEmpty("prep");
  assert.equal(tries, 3);
});

Deno.test("Settler.complete() goes on to the next when a delivery was lost", async () => {
  await using stage = await Stage.open();
  let first = true;
  const sidecar = stage.start({
    queue: completing((real) => async (delivery, out) => {
      if (!first) return await real(delivery, out);
      first = false;
      throw new DeliveryLost("the lease was over");
    }),
  });
  await stage.send("prep", envelope(1), envelope(2, { id: "e-2" }));
  assert.equal((await stage.takeOne("infer")).json.id, "e-2");
  await until(() => sidecar.stats().succeeded === 1, "the second one");
  assert.equal(sidecar.stats().lost, 1);
});

Deno.test("Settler lets go of what it cannot settle when the sidecar ends", async () => {
  await using stage = await Stage.open();
  const refuse: Complete = () => Promise.reject(new TransportUnavailable("no connection"));
  const sidecar = stage.start({ queue: completing(() => refuse) });
  await stage.send("prep", envelope(1));
  await until(() => !sidecar.stats().ready && sidecar.stats().received === 1, "trouble");
  await sidecar.drain(10);
  assert.equal(await stage.count("prep"), 1);
  assert.equal(await stage.count("infer"), 0);
});
