/** A plugin's folder as the sidecar would see it: the same settings, the same defaults. */

import type { BuiltPlugin, PluginDefinition, PluginOptions } from "@asya/plugins";
import { pluginOptions, readSidecarSettings, type SidecarSettings } from "@asya/sidecar";

/** The environment that an actor of this definition would give to its sidecar. */
export function settingsOf(definition: PluginDefinition): SidecarSettings {
  const { name, mode, timeout, memory, state, allowedHosts, config } = definition;
  return readSidecarSettings({
    ASYA_ACTOR_NAME: name,
    ASYA_TRANSPORT: "sqlite",
    ASYA_WASM_FUNCTION: definition.function,
    ASYA_HANDLER_MODE: mode,
    ASYA_WASM_TIMEOUT: timeout,
    ASYA_WASM_MEMORY: memory,
    ASYA_WASM_STATE: state,
    ASYA_WASM_ALLOWED_HOSTS: allowedHosts.join(","),
    ASYA_WASM_CONFIG: JSON.stringify(config),
  });
}

/** How the sidecar would load it. */
export function optionsOf(
  { definition, module }: Pick<BuiltPlugin, "definition" | "module">,
  log: NonNullable<PluginOptions["log"]> = () => {},
): PluginOptions {
  return pluginOptions(module, settingsOf(definition), log);
}
