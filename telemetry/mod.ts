/** Logs and metrics of every service. @module */
export * from "./log.ts";
export * from "./prometheus.ts";
