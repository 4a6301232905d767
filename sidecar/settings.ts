/** Everything that a sidecar reads from its environment. */

import { readSettings, setting, type Settings, SettingsError } from "@asya/config";
import {
  formatDuration,
  NO_RESILIENCY,
  parseResiliency,
  type Resiliency,
  ResiliencyError,
} from "@asya/envelope";
import { LOG_LEVELS } from "@asya/telemetry";
import { TRANSPORT_SETTINGS } from "@asya/transport";
import { parseCustomMetrics } from "./custom_metrics.ts";

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new Error("expected an http or https URL");
  }
  return text.replace(/\/+$/, "");
}

function atLeastOne(text: string): number {
  const number = setting.integer("", { help: "" }).parse(text);
  if (!number) throw new Error("expected a whole number, 1 or more");
  return number;
}

function parseTexts(json: unknown): Readonly<Record<string, string>> {
  const entries = typeof json === "object" && json !== null ? Object.entries(json) : undefined;
  if (entries === undefined || Array.isArray(json)) throw new Error("expected a JSON object");
  return Object.fromEntries(
    entries.map((
      [name, value],
    ) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

const count = setting.custom("integer >= 1", atLeastOne);
const url = setting.custom("URL", parseUrl);
const names = setting.custom(
  "list",
  (text) => text.split(",").map((name) => name.trim()).filter((name) => name !== ""),
);
const customMetrics = setting.custom("JSON", (text) => parseCustomMetrics(JSON.parse(text)));
const bucket = setting.custom("bucket", (text) => {
  if (/^[A-Za-z0-9][-._A-Za-z0-9]{1,61}[A-Za-z0-9]$/.test(text)) return text;
  throw new Error("expected the name of a bucket: 3 to 63 letters, digits, - . _");
});
const texts = setting.custom("JSON object", (text) => parseTexts(JSON.parse(text)));

/** One row a variable, by the names that the code uses. Durations are in milliseconds. */
export const SIDECAR_SETTINGS = {
  actor: setting.text("ASYA_ACTOR_NAME", { required: true, help: "name of the actor" }),
  happyEnd: setting.text("ASYA_ACTOR_HAPPY_END", {
    fallback: "happy-end",
    help: "actor that receives what has finished its route",
  }),
  errorEnd: setting.text("ASYA_ACTOR_ERROR_END", {
    fallback: "error-end",
    help: "actor that receives what failed",
  }),
  endActor: setting.boolean("ASYA_IS_END_ACTOR", {
    fallback: "false",
    help: "this actor ends envelopes: it reports the final state and sends nothing on",
  }),

  ...TRANSPORT_SETTINGS,
  prefetch: count("ASYA_RABBITMQ_PREFETCH", {
    help:
      "messages to hold at once, on any transport; default: one more than can run, more in steps up to " +
      "100 while the handler is fast",
  }),
  queueRetryMaxAttempts: count("ASYA_QUEUE_RETRY_MAX_ATTEMPTS", {
    fallback: "10",
    help:
      "how often a finished envelope looks for the next actor's queue before it is a route_error",
  }),
  queueRetryBackoff: setting.duration("ASYA_QUEUE_RETRY_BACKOFF", {
    fallback: "1s",
    help: "pause before the second look, doubled each time, at most 30s",
  }),

  runtimeTimeout: setting.duration("ASYA_RUNTIME_TIMEOUT", {
    fallback: "5m",
    help: "how long one call of the handler may take",
  }),
  concurrency: count("ASYA_CONCURRENCY", {
    fallback: "1",
    help: "most calls at once; the handler may take fewer",
  }),
  cancelGrace: setting.duration("ASYA_CANCEL_GRACE", {
    fallback: "5s",
    help: "how long a call that was told to stop may take to end",
  }),
  shutdownGrace: setting.duration("ASYA_SHUTDOWN_GRACE", {
    fallback: "30s",
    help: "how long calls in flight may take to end after SIGTERM",
  }),
  maxFrameBytes: setting.bytes("ASYA_MAX_FRAME_BYTES", {
    fallback: "256MiB",
    help: "largest frame on the socket, and largest answer",
  }),
  maxHops: count("ASYA_MAX_HOPS", {
    fallback: "1000",
    help: "hops after which an envelope is a loop and becomes a route_error",
  }),
  maxFrames: count("ASYA_MAX_FRAMES", {
    fallback: "10000",
    help: "most envelopes that one answer may fan out to",
  }),
  resiliencyPolicies: setting.json("ASYA_RESILIENCY_POLICIES", {
    help: "retry policies by name, as spec.resiliency.policies",
  }),
  resiliencyRules: setting.json("ASYA_RESILIENCY_RULES", {
    help: "which errors follow which policy, as spec.resiliency.rules",
  }),

  gatewayUrl: url("ASYA_GATEWAY_URL", { help: "where progress and final states are reported" }),
  meshTokenFile: setting.text("ASYA_MESH_TOKEN_FILE", {
    help: "file with the bearer token for the gateway; read again when it changes",
  }),

  metricsEnabled: setting.boolean("ASYA_METRICS_ENABLED", {
    fallback: "true",
    help: "serve /metrics beside /health",
  }),
  metricsAddr: setting.address("ASYA_METRICS_ADDR", {
    fallback: ":8080",
    help: "where /metrics and /health are served",
  }),
  metricsNamespace: setting.text("ASYA_METRICS_NAMESPACE", {
    fallback: "asya_actor",
    help: "prefix of the metrics' names",
  }),
  customMetrics: customMetrics("ASYA_CUSTOM_METRICS", {
    fallback: "[]",
    help:
      'metrics that the handler reports: [{"name","type":"counter|gauge|histogram","help","labels":[],"buckets":[]}]',
  }),
  logLevel: setting.oneOf(LOG_LEVELS)("ASYA_LOG_LEVEL", {
    fallback: "info",
    help: "lowest severity that is logged",
  }),

  socketDir: setting.text("ASYA_SOCKET_DIR", {
    fallback: "/var/run/asya",
    help: "folder that sidecar and runtime share",
  }),
  socketName: setting.text("ASYA_SOCKET_NAME", {
    fallback: "asya-runtime.sock",
    help: "the runtime's socket in that folder",
  }),
  runtimeReadyTimeout: setting.duration("ASYA_RUNTIME_READY_TIMEOUT", {
    fallback: "5m",
    help: "how long the runtime may take to become ready before the start is given up",
  }),

  resultsDir: setting.text("ASYA_RESULTS_DIR", {
    help: "folder in which a system actor keeps results and errors",
  }),
  s3Bucket: bucket("ASYA_S3_BUCKET", {
    help: "S3 bucket in which a system actor keeps results and errors, instead of the folder; " +
      "credentials are those that the AWS SDK finds, the region is ASYA_AWS_REGION",
  }),
  s3Endpoint: url("ASYA_S3_ENDPOINT", {
    help: "URL of an S3 that is not Amazon's; default: the region's",
  }),
  s3Prefix: setting.text("ASYA_S3_PREFIX", {
    help: "goes before the objects' keys: PREFIX/yyyy-mm-dd/ACTOR/ID.json",
  }),

  wasmModule: setting.text("ASYA_WASM_MODULE", {
    help: "a WASM plugin that handles the envelopes instead of a runtime on the socket: a path, " +
      "an https URL, or an oci:// reference; gzipped ones are unpacked",
  }),
  wasmSha256: setting.text("ASYA_WASM_SHA256", {
    help: "digest that the module must have; one from the network is not looked at again then",
  }),
  wasmRefresh: setting.duration("ASYA_WASM_REFRESH", {
    fallback: "1m",
    help: "how often a module from the network is looked at for a new version; files: at once",
  }),
  wasmCacheDir: setting.text("ASYA_WASM_CACHE_DIR", {
    help: "folder in which modules from the network are kept",
  }),
  wasmPullSecretFile: setting.text("ASYA_WASM_PULL_SECRET_FILE", {
    help: "credentials for registries, in the form of Docker's config.json",
  }),
  wasmFunction: setting.text("ASYA_WASM_FUNCTION", {
    fallback: "handle",
    help: "exported function that handles one envelope",
  }),
  wasmMode: setting.oneOf(["payload", "envelope"])("ASYA_HANDLER_MODE", {
    fallback: "payload",
    help: "what a WASM plugin is given and returns; a runtime on the socket has its own",
  }),
  wasmTimeout: setting.duration("ASYA_WASM_TIMEOUT", {
    fallback: "1s",
    help: "how long one call of the plugin may take",
  }),
  wasmStartTimeout: setting.duration("ASYA_WASM_START_TIMEOUT", {
    fallback: "10s",
    help: "how long an instance of the plugin may take to start; inline, 1s at most",
  }),
  wasmMemory: setting.bytes("ASYA_WASM_MEMORY", {
    fallback: "64Mi",
    help: "linear memory that the plugin may use",
  }),
  wasmAllowedHosts: names("ASYA_WASM_ALLOWED_HOSTS", {
    fallback: "",
    help: "hosts that the plugin may call over HTTP, separated by commas, such as " +
      "api.example.com,*.example.org:8443; names of private addresses need private:HOST",
  }),
  wasmConfig: texts("ASYA_WASM_CONFIG", { fallback: "{}", help: "settings for the plugin" }),
  wasmLevel: setting.oneOf(["worker", "inline"])("ASYA_WASM_LEVEL", {
    fallback: "worker",
    help:
      "where the plugin runs: in threads of its own, or in the sidecar's, for short trusted calls",
  }),
  wasmWorkers: count("ASYA_WASM_WORKERS", {
    fallback: "1",
    help: "plugin instances, one call at a time each",
  }),
  wasmState: setting.bytes("ASYA_WASM_STATE", {
    fallback: "0",
    help: "memory for the state that all calls of the plugin share; it ends with the process",
  }),
};

/** The values of {@linkcode SIDECAR_SETTINGS}, and what follows from several of them. */
export type SidecarSettings = Settings<typeof SIDECAR_SETTINGS> & {
  /** `ASYA_RESILIENCY_POLICIES` and `_RULES`, checked. */
  readonly resiliency: Resiliency;
};

/**
 * Reads the table from an environment.
 *
 * @throws SettingsError naming every missing and every wrong variable
 *
 * @example
 * ```ts
 * import { readSidecarSettings } from "@asya/sidecar";
 * const settings = readSidecarSettings({ ASYA_ACTOR_NAME: "prep", ASYA_TRANSPORT: "sqlite" });
 * if (settings.runtimeTimeout !== 300_000) throw new Error("wrong default");
 * ```
 */
export function readSidecarSettings(
  env: Readonly<Record<string, string | undefined>>,
): SidecarSettings {
  const problems: string[] = [];
  const settings = collect(problems, () => readSettings(SIDECAR_SETTINGS, env));
  const resiliency = collect(problems, () => readResiliency(env));
  if (settings !== undefined) problems.push(...limitProblems(settings));
  if (problems.length > 0 || settings === undefined || resiliency === undefined) {
    throw new SettingsError(problems);
  }
  return { ...settings, resiliency };
}

/** RabbitMQ takes a message back that is handled for too long, and gives it to somebody else. */
function limitProblems(settings: Settings<typeof SIDECAR_SETTINGS>): string[] {
  const { transport, runtimeTimeout, rabbitmqConsumerTimeout } = settings;
  const most = rabbitmqConsumerTimeout * 5 / 6;
  if (transport !== "rabbitmq" || runtimeTimeout <= most) return [];
  return [
    `ASYA_RUNTIME_TIMEOUT is ${
      formatDuration(runtimeTimeout)
    }, but RabbitMQ takes a message back ` +
    `after ${formatDuration(rabbitmqConsumerTimeout)}: at most ${formatDuration(most)}; or raise ` +
    "the queue's x-consumer-timeout and say so in ASYA_RABBITMQ_CONSUMER_TIMEOUT",
  ];
}

function collect<T>(problems: string[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

/** On its own, so that its problems show beside those of other rows. */
function readResiliency(env: Readonly<Record<string, string | undefined>>): Resiliency {
  const { resiliencyPolicies, resiliencyRules } = SIDECAR_SETTINGS;
  let values: Settings<{ policies: typeof resiliencyPolicies; rules: typeof resiliencyRules }>;
  try {
    values = readSettings({ policies: resiliencyPolicies, rules: resiliencyRules }, env);
  } catch (error) {
    if (error instanceof SettingsError) return NO_RESILIENCY; // told already
    throw error;
  }
  try {
    return parseResiliency(values.policies, values.rules);
  } catch (error) {
    if (error instanceof ResiliencyError) throw new SettingsError(error.problems);
    throw error;
  }
}
