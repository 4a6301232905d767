/** Logs of every service. @module */
export * from "./log.ts";
