/** WASM plugins: what they are, how they are loaded and called. @module */
export {
  type Plugin,
  type PluginCall,
  PluginError,
  type PluginErrorCode,
  type PluginErrorPlace,
  type PluginLevel,
  type PluginLimits,
  type PluginLogLevel,
  type PluginMetric,
  type PluginOptions,
} from "./plugin.ts";
export { InvalidAllowedHosts } from "./host/allowed_hosts.ts";
export { loadPlugin } from "./host/load.ts";
export { type ReloadFailure, type ReloadingOptions, ReloadingPlugin } from "./reload.ts";
export { moduleSource, type ModuleSourceOptions } from "./sources/open.ts";
export {
  type ModuleSource,
  type ModuleVersion,
  SourceError,
  type SourceErrorCode,
} from "./sources/source.ts";
export { sha256 } from "./digest.ts";
export { buildAssemblyScript } from "./build/assemblyscript.ts";
export { buildHandler, isHandlerSource } from "./build/handler.ts";
export { LONGEST_INLINE_MS } from "./host/inline.ts";
export type { BuiltPlugin } from "./build/build.ts";
export type { PluginDefinition, PluginLanguage } from "./build/definition.ts";
export type { Expectation, PluginCase } from "./cases.ts";
export type { Ability } from "./abilities.ts";
export type { Inspection } from "./inspect.ts";
export { type JsonNumber, type JsonValue, parseJson, printJson } from "./json_value.ts";
export { judge, type Outcome } from "./judge.ts";

/**
 * What makes and tests plugins: templates, builders, cases, inspection. Loaded when it is asked for,
 * because a sidecar only runs them.
 */
export function authoring(): Promise<typeof import("./authoring.ts")> {
  return import("./authoring.ts");
}
