/** A process with one sidecar: environment in, a handler, SIGTERM drains it. */

import { describeSettings, SettingsError } from "@asya/config";
import { createLogger, type Logger } from "@asya/telemetry";
import { openTransport } from "@asya/transport";
import type { Handler } from "./handlers/mod.ts";
import { serveHealth } from "./health.ts";
import { readSidecarSettings, SIDECAR_SETTINGS, type SidecarSettings } from "./settings.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";

/** What makes one process different from another. */
export interface SidecarProcess {
  /** Printed by `--help` above the table of settings. */
  readonly summary: string;
  /** Variables that this process sets for itself, over those of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Makes the handler; called once, the handler is closed at the end. */
  handler(settings: SidecarSettings, log: Logger): Promise<Handler> | Handler;
  /** Called after a drain, before the process ends. */
  drained?(settings: SidecarSettings, log: Logger): Promise<void>;
}

/**
 * Runs until SIGTERM or SIGINT has drained it.
 *
 * @returns the exit code: 0 drained, 1 it could not go on, 2 wrong settings
 */
export async function runSidecarProcess(process: SidecarProcess): Promise<number> {
  if (Deno.args.includes("--help")) {
    console.log(`${process.summary} Settings:\n\n${describeSettings(SIDECAR_SETTINGS)}`);
    return 0;
  }
  let settings: SidecarSettings;
  try {
    settings = readSidecarSettings({ ...Deno.env.toObject(), ...process.env });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(error.message);
    return 2;
  }
  const log = createLogger({ level: settings.logLevel, fields: { actor: settings.actor } });
  try {
    return await run(process, settings, log);
  } catch (error) {
    if (error instanceof SettingsError) {
      console.error(error.message);
      return 2;
    }
    log.error("ended", { error });
    return 1;
  }
}

async function run(
  process: SidecarProcess,
  settings: SidecarSettings,
  log: Logger,
): Promise<number> {
  const { actor, metricsAddr: address, metricsEnabled: metrics } = settings;
  const transport = await openTransport(settings, log);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => transport.close());
  const queue = transport.queue(actor);
  const handler = await process.handler(settings, log);
  cleanup.defer(() => handler.close());
  const sidecar = startSidecar({ settings, queue, handler, log });
  const health = serveHealth(sidecar, { address, metrics });
  cleanup.defer(() => health.close());
  log.info("started", { transport: transport.name, port: health.port });
  await untilDone(sidecar, log);
  await process.drained?.(settings, log);
  log.info("drained");
  return 0;
}

async function untilDone(sidecar: Sidecar, log: Logger): Promise<void> {
  const drain = () => {
    log.info("draining");
    sidecar.drain().catch(() => undefined); // `done` says the same
  };
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, drain);
  try {
    await sidecar.done;
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, drain);
  }
}
