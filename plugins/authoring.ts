/** What makes and tests plugins. `mod.ts` loads it when it is asked for. */

export { buildPlugin, freshPlugin } from "./build/build.ts";
export { BuildError } from "./build/compiler.ts";
export { isPluginName, PLUGIN_LANGUAGES, readDefinition } from "./build/definition.ts";
export { newPlugin } from "./build/scaffold.ts";
export { findClang, findGo, findRust, ToolchainMissing } from "./build/toolchain.ts";
export { PluginFileError } from "./build/yaml_file.ts";
export { readCases } from "./cases.ts";
export { inspectModule } from "./inspect.ts";
