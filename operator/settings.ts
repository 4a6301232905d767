/** Everything that the operator reads from its environment; what it works with is in its file. */

import { setting, type Settings } from "@asya/config";
import { LOG_LEVELS } from "@asya/telemetry";

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
    help:
      "folder with python/asya_runtime.py and node/asya_runtime.mjs; default: runtime beside the operator's folder",
  }),
  metricsAddr: setting.address("ASYA_METRICS_ADDR", {
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
