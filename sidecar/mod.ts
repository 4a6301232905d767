/** An actor's sidecar: queue to handler to queue. @module */
export { startSidecar } from "./sidecar.ts";
export type { Sidecar, SidecarOptions, SidecarStats } from "./sidecar.ts";
export { readSidecarSettings, SIDECAR_SETTINGS } from "./settings.ts";
export type { SidecarSettings } from "./settings.ts";
export { type CustomMetric } from "./custom_metrics.ts";
export { runSidecarProcess, type SidecarProcess } from "./process.ts";
export { AddressUnusable, type HealthOptions, type HealthServer, serveHealth } from "./health.ts";
export {
  functionHandler,
  type Handler,
  type HandlerAnswer,
  type HandlerCall,
  HandlerError,
  type HandlerFunction,
  HandlerGone,
  type HandlerMetric,
  type HandlerSink,
  HandlerTimeout,
  type HandlerVitals,
  InvalidAnswer,
  socketHandler,
  type SocketHandlerOptions,
  wasmHandler,
  type WasmHandlerOptions,
} from "./handlers/mod.ts";
export { MODULE_BYTES, pluginOptions } from "./wasm_module.ts";
