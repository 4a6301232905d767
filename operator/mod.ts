/**
 * The operator: turns `AsyncActor` objects into queues, workloads and autoscaling. A process of its
 * own (`main.ts`); this door is for what is generated from it.
 * @module
 */
export { crdText } from "./api/crd.ts";
export { OPERATOR_SETTINGS, type OperatorSettings } from "./settings.ts";
