/** Everything that the operator reads from its environment; what it works with is in its file. */

import { setting, type Settings } from "@asya/config";
import { LOG_LEVELS } from "@asya/telemetry";

function parseAddress(text: string): { hostname: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new Error("expected host:port or :port, such as :8080 or 127.0.0.1:8080");
  }
  return { hostname: bracketed ?? (plain || "0.0.0.0"), port };
}

const address = setting.custom("host:port", parseAddress);

/** One row a variable. */
export const OPERATOR_SETTINGS = {
  configPath: setting.text("ASYA_OPERATOR_CONFIG", {
    required: true,
    help: "file with transports, images and the gateway, YAML or JSON; followed while it runs",
  }),
  namespace: setting.text("ASYA_OPERATOR_NAMESPACE", {
    help: "where its Secrets and its Lease are; default: its pod's, or the kubeconfig's",
  }),
  runtimeDir: setting.text("ASYA_OPERATOR_RUNTIME_DIR", {
    help: "folder with asya_runtime.py; default: runtime/python beside the operator's folder",
  }),
  metricsAddr: address("ASYA_METRICS_ADDR", {
    fallback: ":8080",
    help: "where /metrics and /health are served",
  }),
  leaderElection: setting.boolean("ASYA_OPERATOR_LEADER_ELECTION", {
    fallback: "true",
    help: "whether several operators agree on one that works",
  }),
  identity: setting.text("ASYA_OPERATOR_IDENTITY", {
    help: "unique among the operators of a release; default: the host's name",
  }),
  logLevel: setting.oneOf(LOG_LEVELS)("ASYA_LOG_LEVEL", {
    fallback: "info",
    help: "lowest severity that is logged",
  }),
};

/** The values of {@linkcode OPERATOR_SETTINGS}. */
export type OperatorSettings = Settings<typeof OPERATOR_SETTINGS>;
