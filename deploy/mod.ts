/** Putting the system on a cluster: running kubectl and helm, and showing how far it is. The tasks are in `main.ts`. @module */
export { type Target, targetOf } from "./target.ts";
export { openTerminal, type Paint, type Terminal } from "./terminal.ts";
export { outputOf, type Ran, type Run, type RunOptions, runTool, ToolError } from "./tool.ts";
export * from "./folder/mod.ts";
