/** The operator as a process: `deno run operator/main.ts`, configured by its environment and a file. */

import { describeSettings, readSettings, SettingsError } from "@asya/config";
import { createLogger, type Logger } from "@asya/telemetry";
import { ConfigFile, ConfigFileError } from "./controller/config_file.ts";
import { Controller } from "./controller/controller.ts";
import { readRuntimeScripts } from "./controller/facts.ts";
import { serveHealth } from "./health.ts";
import { findAccess } from "./kube/access.ts";
import { KubeClient } from "./kube/client.ts";
import { AccessError } from "./kube/kubeconfig.ts";
import { Election } from "./leader/election.ts";
import { Metrics } from "./metrics.ts";
import { OPERATOR_SETTINGS, type OperatorSettings } from "./settings.ts";

/** Name of the Lease. */
const LEASE = "asya-operator";

/** Runs until SIGTERM or SIGINT, or until another leads. */
async function run(settings: OperatorSettings, log: Logger): Promise<void> {
  const env = Deno.env.toObject();
  const access = findAccess(env);
  const namespace = settings.namespace ?? access.namespace;
  const identity = settings.identity ?? Deno.hostname();
  const config = await ConfigFile.open(settings.configPath, log);
  const folder = settings.runtimeDir ?? new URL("../runtime", Deno.mainModule).pathname;
  const runtimeScripts = await readRuntimeScripts(folder);

  await using cleanup = new AsyncDisposableStack();
  const client = new KubeClient(access);
  cleanup.defer(() => client.close());
  const election = new Election({ client, namespace, name: LEASE, identity, log });
  const leads = () => !settings.leaderElection || election.leading;
  const controller: Controller = new Controller({
    client,
    namespace,
    identity,
    config,
    runtimeScripts,
    metrics: () => metrics,
    log,
  });
  const metrics: Metrics = new Metrics({
    queueLength: () => controller.queueLength,
    leading: leads,
    actors: () => controller.actors(),
  });
  const health = serveHealth(settings.metricsAddr, {
    dead: () => undefined, // what cannot go on ends by itself
    trouble: () => leads() ? controller.trouble : undefined,
    metrics: () => metrics.text(),
  });
  cleanup.defer(() => health.shutdown());
  log.info("started", { server: access.server, namespace, identity, port: health.addr.port });

  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.abort());
  }
  const { signal } = stop;
  if (settings.leaderElection && !await election.win(signal)) return;
  const kept = new AbortController();
  const keeping = settings.leaderElection ? election.keep(kept.signal) : undefined;
  const asked = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  const starting = controller.start();
  const restart = controller.restart.then(() => log.info("other namespaces: begins anew"));
  // lost leadership rejects here, and ends the process at once: somebody else works now
  await Promise.race([
    starting.then(() => Promise.race([asked, restart])),
    asked,
    ...late(keeping),
  ]);
  await controller.stop();
  kept.abort();
  await keeping;
  log.info("stopped");
}

/** Rejects with what is lost; keeping that ends well ends nothing. */
function late(keeping: Promise<void> | undefined): Promise<never>[] {
  if (keeping === undefined) return [];
  return [keeping.then(() => new Promise<never>(() => {}))];
}

if (import.meta.main) {
  if (Deno.args.includes("--help")) {
    console.log(
      `Turns AsyncActor objects into queues, workloads and autoscaling. Settings:\n\n${
        describeSettings(OPERATOR_SETTINGS)
      }`,
    );
    Deno.exit(0);
  }
  try {
    const settings = readSettings(OPERATOR_SETTINGS, Deno.env.toObject());
    const log = createLogger({ level: settings.logLevel, fields: { service: "operator" } });
    await run(settings, log);
    Deno.exit(0);
  } catch (error) {
    const known = error instanceof SettingsError || error instanceof ConfigFileError ||
      error instanceof AccessError;
    console.error(error instanceof Error ? `${error.name}: ${error.message}` : error);
    Deno.exit(known ? 2 : 1);
  }
}
