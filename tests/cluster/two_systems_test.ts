/** Two operators at one broker, each with namespaces of its own, as those of two clusters would be. */

import assert from "node:assert/strict";
import { outputOf, runTool } from "@asya/deploy";
import { kubectl } from "./kube.ts";
import { Stage } from "./stage.ts";
import { clusterTest, deployAgain, installedTag, SYSTEM } from "./system.ts";
import { until } from "./wait.ts";

const CHART = new URL("../../chart", import.meta.url).pathname;
const RELEASE = "asya-two";

function helm(...args: readonly string[]): Promise<string> {
  return outputOf(runTool, ["helm", ...args], { timeoutMs: 200_000 });
}

/** A second operator, for this namespace alone, at the broker of the first. */
async function installSecond(stage: Stage): Promise<void> {
  const { namespace, kube } = stage;
  const { data } = (await kube.get(SYSTEM, "secrets", "asya-rabbitmq"))!;
  const metadata = { name: "broker" };
  await stage.apply({ apiVersion: "v1", kind: "Secret", metadata, data });
  const host = `asya-rabbitmq.${SYSTEM}.svc`;
  const rabbitmq = {
    type: "rabbitmq",
    host,
    username: "asya",
    passwordSecretRef: { name: "broker", key: "password" },
    management: { url: `http://${host}:15672` },
  };
  const tag = await installedTag();
  const values = {
    watchNamespaces: [namespace],
    transports: { rabbitmq },
    rabbitmq: { enabled: false },
    gateway: { enabled: false },
    crew: { enabled: false },
    crd: { upgrade: false },
    images: { operator: { tag }, sidecar: { tag } },
  };
  const sets = Object.entries(values).flatMap(([key, value]) => [
    "--set-json",
    `${key}=${JSON.stringify(value)}`,
  ]);
  const flags = ["--skip-crds", "--wait", "--timeout", "2m"];
  await helm("-n", namespace, "install", RELEASE, CHART, ...flags, ...sets);
}

clusterTest(
  "two systems at one broker share queues, and one that leaves takes none along",
  async () => {
    await using cleanup = new AsyncDisposableStack();
    const first = cleanup.use(await Stage.open());
    const second = cleanup.use(await Stage.open());
    cleanup.defer(async () => {
      await runTool(["helm", "-n", second.namespace, "uninstall", RELEASE, "--wait"]);
      await deployAgain();
    });
    // The chart's policy lets in no operator but its own.
    const own = ["--set", "networkPolicies.enabled=false"];
    await deployAgain("--set", `watchNamespaces={${first.namespace}}`, ...own);
    await installSecond(second);

    const name = first.named("shared");
    const sink = await first.sink();
    const actor = first.python(name, "slow", { timeout: { processing: 20, gracefulShutdown: 10 } });
    const leaving = {
      metadata: {
        name,
        annotations: { "asya.sh/code": "work", "asya.sh/queue-deletion": "Delete" },
      },
    };
    await first.apply({ ...actor, ...leaving });
    await second.apply(actor);
    await Promise.all([first.becomes(name, "Running", 90), second.becomes(name, "Running", 90)]);

    const through = async (count: number) => {
      const ids = await first.broker.send([name, sink], count, (n) => ({ n, seconds: 0.2 }));
      const arrived = await first.broker.collect(sink, count, 60);
      assert.deepEqual([...arrived.keys()].toSorted(), ids.toSorted());
      return new Set([...arrived.values()].map(([payload]) => (payload as { by: string }).by)).size;
    };
    assert.equal(await through(40), 2, "pods that worked");

    await first.broker.forget(`asya-${name}`);
    const waiting = () => first.broker.waiting(`asya-${name}`);
    await until("the queue again", 60, async () => await waiting() !== undefined);
    await through(10);

    const away = ["-n", first.namespace, "delete", "asyncactor", name, "--timeout=90s"];
    await kubectl(away, 100);
    assert.notEqual(await waiting(), undefined, "the queue of the other");
    assert.equal(await through(10), 1, "pods that worked");
  },
);
