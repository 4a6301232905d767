import { brokerEnv, brokerMissing, queuesLeft, startBroker } from "./broker.ts";
import { startFleet } from "./fleet.ts";
import { untilBack, untilOutageShown } from "./health.ts";
import { type Proxy, startProxy } from "./proxy.ts";
import { KILLS, OUTAGE_MS } from "./size.ts";
import { type Cases, IN_HAND, runCases } from "./suite.ts";
import { ROUTE } from "./work.ts";

/** Short, so that a silent connection is noticed within seconds. */
const HEARTBEAT_SECONDS = 1;
/** Two heartbeats of a second are missed, and somebody looks. */
const SILENCE_SHOWN_MS = 5_000;
const END_SHOWN_MS = 2_000;

/** Of all sidecars that the last actor repeats the work of. */
const ALL_IN_HAND = ROUTE.length * IN_HAND;

function casesOf(proxy: Proxy): Cases {
  return {
    async "a network that is slow for a while"({ send, share, account }) {
      await send();
      await share(0.2);
      proxy.delay(100);
      await share(0.25);
      await proxy.heal();
      await account({ duplicatesAtMost: 0 });
    },
    async "connections that are reset again and again"({ fleet, send, spread, account }) {
      await send();
      await spread(async () => {
        proxy.reset();
        await untilBack(fleet);
      });
      await account({ duplicatesAtMost: KILLS * ALL_IN_HAND });
    },
    async "connections that are cut in the middle of a frame"({ fleet, send, spread, account }) {
      await send();
      await spread(async () => {
        await proxy.cutMidFrame(); // heartbeats cross those that are idle
        await untilBack(fleet);
      });
      await account({ duplicatesAtMost: KILLS * ALL_IN_HAND });
    },
    async "a network that is silent, its connections half-open"(
      { fleet, send, share, account, tell },
    ) {
      await send();
      await share(0.2);
      proxy.halfOpen();
      await untilOutageShown(fleet, { withinMs: SILENCE_SHOWN_MS, forMs: OUTAGE_MS });
      await proxy.heal();
      tell(`ready after ${await untilBack(fleet)} ms`);
      await account({ duplicatesAtMost: ALL_IN_HAND });
    },
    async "a network that refuses"({ fleet, send, share, account, tell }) {
      await send();
      await share(0.2);
      await proxy.refuse();
      proxy.reset();
      await untilOutageShown(fleet, { withinMs: END_SHOWN_MS, forMs: OUTAGE_MS });
      await proxy.heal();
      tell(`ready after ${await untilBack(fleet)} ms`);
      await account({ duplicatesAtMost: ALL_IN_HAND });
    },
  };
}

Deno.test({
  name: "envelopes come through a network that fails in every way" + brokerMissing,
  ignore: brokerMissing !== "",
  async fn(t) {
    await using broker = await startBroker();
    await using proxy = await startProxy({ hostname: "127.0.0.1", port: broker.port });
    const start = async (n: number) => {
      await proxy.heal(); // a case that failed has not
      return await startFleet({
        env: brokerEnv(broker, n, { port: proxy.port, heartbeatSeconds: HEARTBEAT_SECONDS }),
        directEnv: brokerEnv(broker, n),
      });
    };
    await runCases(t, { start, left: ({ env }) => queuesLeft(broker, env) }, casesOf(proxy));
  },
});
