import assert from "node:assert/strict";
import type { Sidecar, SidecarStats } from "@asya/sidecar";
import { LocalActor, type Parts, type Prepared } from "./actor.ts";
import { eventually } from "./testing/project.ts";

const STATS: SidecarStats = {
  ready: true,
  inFlight: 0,
  unsettled: 0,
  received: 0,
  succeeded: 0,
  failed: 0,
  retried: 0,
  released: 0,
  lost: 0,
};

/** One that ends as `done` does, drained or not. */
function sidecarOf(done: Promise<void>): Sidecar {
  return {
    done,
    drain: () => done,
    stats: () => STATS,
    metricsText: () => Promise.resolve(""),
  };
}

/** What LocalActor touches of a life, without a handler or a queue behind it. */
function partsOf(start: () => Sidecar, closed: () => void): Parts {
  const close = () => Promise.resolve(closed());
  return { handler: { close }, queue: { close }, graceMs: 10, start } as unknown as Parts;
}

Deno.test("LocalActor starts again after its sidecar broke, though the next life fails at first", async () => {
  const said: string[] = [];
  const lives: PromiseWithResolvers<void>[] = [];
  let [prepared, closed] = [0, 0];
  const start = () => {
    const life = Promise.withResolvers<void>();
    lives.push(life);
    return sidecarOf(life.promise);
  };
  const prepare = (): Promise<Prepared> => {
    if (++prepared === 2) return Promise.reject(new Error("not just now"));
    return Promise.resolve({
      begin: () => Promise.resolve(partsOf(start, () => closed++)),
      discard: () => Promise.resolve(),
    });
  };
  const actor = new LocalActor("x", "python", prepare, (line) => void said.push(line));
  await actor.restart();
  assert.equal(actor.state(0).phase, "ready");
  lives[0]!.reject(new Error("boom"));
  await eventually(() => actor.state(0).phase === "crashed", "it is known to be broken");
  await eventually(() => lives.length === 2, "another life", 10_000);
  await eventually(() => actor.state(0).phase === "ready", "it is ready again");
  assert.equal(closed, 2, "the handler and the queue of the broken life are closed");
  assert.deepEqual(said, ["the sidecar stopped: boom; starting again", "not just now"]);
  lives[1]!.resolve();
  await actor.stop();
  assert.equal(actor.state(0).phase, "stopped");
});

Deno.test("LocalActor goes on with a reload where the sidecar breaks as it drains", async () => {
  const said: string[] = [];
  const lives: PromiseWithResolvers<void>[] = [];
  const start = () => {
    const life = Promise.withResolvers<void>();
    lives.push(life);
    return {
      ...sidecarOf(life.promise),
      drain: () => (life.reject(new Error("boom")), life.promise),
    };
  };
  const prepare = () =>
    Promise.resolve({
      begin: () => Promise.resolve(partsOf(start, () => undefined)),
      discard: () => Promise.resolve(),
    });
  const actor = new LocalActor("x", "python", prepare, (line) => void said.push(line));
  await actor.restart();
  await actor.restart();
  assert.equal(lives.length, 2);
  assert.equal(actor.state(0).phase, "ready");
  assert.deepEqual(said, ["the sidecar stopped: boom"]);
  await actor.stop();
});
