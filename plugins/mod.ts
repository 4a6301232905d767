/** WASM plugins: what they are, how they are loaded and called. @module */
export {
  type Plugin,
  type PluginCall,
  PluginError,
  type PluginErrorCode,
  type PluginErrorPlace,
  type PluginLimits,
  type PluginLogLevel,
  type PluginOptions,
} from "./plugin.ts";
export { loadPlugin } from "./host/load.ts";
export {
  AssemblyScriptError,
  buildAssemblyScript,
  cachedBuild,
  type Diagnostic,
} from "./build/assemblyscript.ts";
