import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { brokerEnv, brokerMissing, queuesLeft, startBroker } from "./broker.ts";
import { startFleet } from "./fleet.ts";
import { callGateway, knownToGateway } from "./gateway.ts";
import { CASE_MS, ENVELOPES, KILLS, OUTAGE_MS } from "./size.ts";
import { type Cases, IN_HAND, runCases } from "./suite.ts";
import { waitFor } from "./wait.ts";
import { resultsOf, ROUTE } from "./work.ts";

/** A process starts, connects, and its handler is ready. */
const STARTED_MS = 20_000;

const CASES: Cases = {
  async "sidecars killed one after the other"({ fleet, send, spread, account }) {
    await send();
    await spread(async (index) => {
      const actors = ["note", "work", "happy-end", "split"] as const;
      const sidecar = fleet.sidecar(actors[index % actors.length]!);
      await sidecar.kill9();
      await sidecar.start();
      await fleet.ready(STARTED_MS);
    });
    await account({ duplicatesAtMost: KILLS * IN_HAND });
  },
  async "handlers killed one after the other"({ fleet, send, spread, account }) {
    await send();
    await spread(async (index) => {
      await fleet.runtime(ROUTE[index % ROUTE.length]!).kill9();
      await fleet.ready(STARTED_MS);
    });
    await account({ duplicatesAtMost: KILLS * IN_HAND });
  },
  async "sidecars that are told to end drain, and lose nothing"(
    { fleet, send, spread, account },
  ) {
    await send();
    await spread(async (index) => {
      const actors = [...ROUTE, "happy-end"] as const;
      const sidecar = fleet.sidecar(actors[index % actors.length]!);
      assert.equal(await sidecar.stop(), 0, sidecar.name);
      await sidecar.start();
      await fleet.ready(STARTED_MS);
    });
    // A broker may have read acknowledgements, and not have acted on them when the channel closes.
    await account({ duplicatesAtMost: KILLS * IN_HAND });
  },
  async "the gateway and its database away while everything ends"(
    { fleet, expect, share, account, tell },
  ) {
    const { gateway, gatewayUrl } = fleet;
    fleet.runtime("note").signal("SIGSTOP"); // nothing ends before the gateway is away
    const results = resultsOf(await callGateway(gatewayUrl!, ENVELOPES));
    expect(results);
    await gateway!.kill9();
    const killed = performance.now();
    fleet.runtime("note").signal("SIGCONT");
    await share(0.25); // no result waits for the gateway,
    const away = performance.now() - killed;
    if (away < OUTAGE_MS) await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS - away));
    await fleet.ready(0); // and every sidecar does its work
    await gateway!.start();
    await gateway!.line(/gateway listens/);
    const back = performance.now();
    let open = [...results.keys()];
    const look = async () => {
      const known = await knownToGateway(gatewayUrl!, open);
      open = open.filter((id) => !isDeepStrictEqual(known.get(id), results.get(id)));
      return open.length === 0;
    };
    const what = () => `every final state is at the gateway; ${open.length} are not: ${open[0]}`;
    await waitFor(what, look, 2 * OUTAGE_MS + CASE_MS, 500);
    tell(
      `finals told ${Math.round((performance.now() - back) / 1000)} s after the gateway is back`,
    );
    await account(); // a gateway that was killed sends again what it had not noted as sent
  },
};

Deno.test({
  name: "envelopes come through the end of any process" + brokerMissing,
  ignore: brokerMissing !== "",
  async fn(t) {
    await using broker = await startBroker();
    const start = (n: number) => startFleet({ env: brokerEnv(broker, n), gateway: true });
    await runCases(t, { start, left: ({ env }) => queuesLeft(broker, env) }, CASES);
  },
});
