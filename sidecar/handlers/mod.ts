/** Everything that can stand behind a sidecar. @module */
export {
  type Handler,
  type HandlerAnswer,
  type HandlerCall,
  HandlerError,
  HandlerGone,
  type HandlerMetric,
  type HandlerSink,
  HandlerTimeout,
  type HandlerVitals,
  InvalidAnswer,
} from "./handler.ts";
export { functionHandler, type HandlerFunction } from "./function.ts";
export { socketHandler, type SocketHandlerOptions } from "./socket/socket.ts";
export { wasmHandler, type WasmHandlerOptions } from "./wasm.ts";
