/** What the tests of this transport share: an emulator, settings, a corner of it for each test. */

import { readSettings } from "@asya/config";
import { createLogger, type Logger } from "@asya/telemetry";
import { TRANSPORT_SETTINGS, type TransportSettings } from "../settings.ts";
import { startEmulator } from "./emulator_process.ts";

/** The emulator's URL; each test process has its own unless the environment names one. */
export const ENDPOINT: string = Deno.env.get("ASYA_TEST_SQS_ENDPOINT") ??
  (await startEmulator()).url;

// what the AWS SDK finds first
Deno.env.set("AWS_ACCESS_KEY_ID", "test");
Deno.env.set("AWS_SECRET_ACCESS_KEY", "test");

/** A prefix that nobody else uses. */
export function freshPrefix(): string {
  return `t${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
}

/** The environment of a process that uses the emulator. */
export function environment(prefix: string, more: Record<string, string> = {}) {
  return {
    ASYA_TRANSPORT: "sqs",
    ASYA_SQS_ENDPOINT: ENDPOINT,
    ASYA_AWS_REGION: "us-east-1",
    ASYA_SQS_VISIBILITY_TIMEOUT: "3",
    ASYA_SQS_WAIT_TIME_SECONDS: "1",
    ASYA_QUEUE_PREFIX: prefix,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    ...more,
  };
}

/** Settings as a service reads them. */
export function settingsOf(env: Record<string, string>): TransportSettings {
  return readSettings(TRANSPORT_SETTINGS, env);
}

/** A log for what nobody looks at. */
export const QUIET: Logger = createLogger({ level: "error" });
