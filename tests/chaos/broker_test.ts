import assert from "node:assert/strict";
import type { Rabbitmq } from "../../tools/services/rabbitmq.ts";
import { arrived, untilStill } from "./account.ts";
import {
  brokerEnv,
  brokerMissing,
  queuesLeft,
  removeQueue,
  startAgain,
  startBroker,
} from "./broker.ts";
import { startFleet } from "./fleet.ts";
import { untilBack, untilOutageShown, untilTrouble } from "./health.ts";
import { OUTAGE_MS } from "./size.ts";
import { type Cases, IN_HAND, runCases, type Stage } from "./suite.ts";
import { waitFor } from "./wait.ts";
import { ROUTE } from "./work.ts";

/** An end of the connection is noticed at once, a machine's hiccup allowed for. */
const END_SHOWN_MS = 2_000;
const ALARM_SHOWN_MS = 5_000;
const BLOCKED = /takes no messages/;
/** More than any sidecar prefetches: to take so many it has to acknowledge. */
const BACKLOG = 300;
/** The broker takes messages back after this time, and looks for such this often. */
const CONSUMER_TIMEOUT_MS = 2_000;
const TICK_MS = 500;
const NAP_SECONDS = 5;
const DEFAULT_TIMEOUT_MS = 1_800_000;
const DEFAULT_TICK_MS = 60_000;

function casesOf(broker: Rabbitmq): Cases {
  return {
    async "a queue that is deleted while its actor is idle"({ fleet, env, send, account }) {
      await removeQueue(broker, env, "note");
      await send();
      await account();
      await untilBack(fleet);
    },
    async "a handler that takes longer than the broker waits"({ fleet, send, account }) {
      const worker = fleet.sidecar("work");
      const restart = async (timeoutMs: number, tickMs: number) => {
        await broker.eval(
          `application:set_env(rabbit, consumer_timeout, ${timeoutMs}),` +
            `application:set_env(rabbit, channel_tick_interval, ${tickMs})`,
        );
        assert.equal(await worker.stop(), 0); // a channel asks once, when it is opened
        await worker.start();
        await fleet.ready(20_000);
      };
      await restart(CONSUMER_TIMEOUT_MS, TICK_MS);
      await send((n) => n === 100 ? { n, nap: NAP_SECONDS } : { n });
      await worker.line(/timed out|PRECONDITION/, 60_000);
      await account();
      await untilBack(fleet);
      await restart(DEFAULT_TIMEOUT_MS, DEFAULT_TICK_MS);
    },
    "a broker out of memory": (stage) => starve(stage, broker, "memory"),
    "a broker whose disk is full": (stage) => starve(stage, broker, "disk"),
    async "a broker that is killed and starts again"({ fleet, send, share, account, tell }) {
      await send();
      await share(0.2);
      await broker.kill();
      await untilOutageShown(fleet, { withinMs: END_SHOWN_MS, forMs: 2 * END_SHOWN_MS });
      await startAgain(broker);
      tell(`ready after ${await untilBack(fleet)} ms`);
      await account({ duplicatesAtMost: ROUTE.length * IN_HAND });
    },
    async "a broker that is stopped for a while"({ fleet, send, share, account, tell }) {
      await send();
      await share(0.2);
      await broker.stop();
      await untilOutageShown(fleet, { withinMs: END_SHOWN_MS, forMs: OUTAGE_MS });
      await startAgain(broker);
      tell(`ready after ${await untilBack(fleet)} ms`);
      await account({ duplicatesAtMost: ROUTE.length * IN_HAND });
    },
  };
}

/** An alarm of the broker: it takes no messages, and acknowledgements flow. */
async function starve(
  { fleet, send, share, account, tell }: Stage,
  broker: Rabbitmq,
  resource: "memory" | "disk",
): Promise<void> {
  await send();
  await share(0.1);
  const end = fleet.sidecar("happy-end");
  const waiting = async () => (await fleet.depth("happy-end")).ready;
  end.signal("SIGSTOP");
  try {
    const what = () => "the end actor has a backlog";
    await waitFor(what, async () => await waiting() >= BACKLOG, 20_000);
    await broker.alarm(resource, true);
  } finally {
    end.signal("SIGCONT");
  }
  const began = performance.now();
  try {
    await untilTrouble(fleet, "note", BLOCKED, ALARM_SHOWN_MS);
    // Acknowledging is what ends an alarm: what had been sent is worked off,
    await waitFor(() => "the backlog is gone", async () => await waiting() === 0, 20_000);
    const before = await untilStill(fleet, 20_000);
    // and nothing more is sent.
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS / 3));
    assert.equal(await arrived(fleet), before);
    for (const actor of ROUTE) {
      const { ready, trouble } = (await fleet.health(actor))!;
      const idle = (await fleet.depth(actor)).ready === 0; // and has met no alarm
      assert.ok(idle || !ready && BLOCKED.test(trouble!), `${actor} says ${trouble}`);
    }
  } finally {
    await broker.alarm(resource, false);
  }
  const ms = Math.round(performance.now() - began);
  tell(`alarm for ${ms} ms, ready after ${await untilBack(fleet)} ms`);
  await account({ duplicatesAtMost: 0 });
}

Deno.test({
  name: "envelopes come through everything that can happen to a broker" + brokerMissing,
  ignore: brokerMissing !== "",
  async fn(t) {
    await using broker = await startBroker();
    const start = (n: number) => startFleet({ env: brokerEnv(broker, n) });
    await runCases(t, { start, left: ({ env }) => queuesLeft(broker, env) }, casesOf(broker));
  },
});
