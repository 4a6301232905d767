/** What a script exports and imports, and why it could not be loaded, without running it. */

import { newEngine } from "./host/script_engine.ts";
import { SCRIPT_NAME, splitScript } from "./host/script_stack.ts";
import type { PluginLimits } from "./plugin.ts";

/** `export { a, b as c };`, as bundlers write it. */
const LIST = /^export\s*\{([^}]*)\}/gm;
/** `export default ...`, `export async function name`, `export const name`. */
const DECLARATION =
  /^export\s+(?:(default)\b|(?:async\s+)?(?:function\s*\*?|class|const|let|var)\s+([\w$]+))/gm;
/** `import x from "name"`, `import "name"`, `export * from "name"`, at the beginning of a line. */
const IMPORT = /^(?:import|export)\b[^;'"()]*["']([^"'\n]+)["']/gm;

function exportsOf(code: string): string[] {
  const listed = [...code.matchAll(LIST)].flatMap(([, names]) => names!.split(","))
    .map((name) => name.split(/\sas\s/).at(-1)!.trim());
  const declared = [...code.matchAll(DECLARATION)].map(([, standard, name]) => standard ?? name!);
  return [...new Set([...listed, ...declared].filter((name) => name !== ""))];
}

/** What the engine says of its syntax; undefined: nothing. */
async function syntaxProblem(code: string, limits: PluginLimits): Promise<string | undefined> {
  const engine = await newEngine(limits.memoryBytes);
  const context = engine.quickjs.newRuntime().newContext();
  try {
    // It is read to its end, and then left before its first statement.
    const { error } = context.evalCode(`throw 0;${code}`, SCRIPT_NAME, { type: "module" });
    const { name, message } = error === undefined ? {} : Object(context.dump(error));
    return name === "SyntaxError" ? `${name}: ${message}` : undefined;
  } finally {
    engine.drop(); // with all that is in it
  }
}

/**
 * Looks into a script. Names are found by how bundlers write them; its syntax the engine checks.
 *
 * @param source ES module, with its source map
 * @param functionName what the host would call; a default export will do as well
 */
export async function inspectScript(
  source: string,
  functionName: string,
  limits: PluginLimits,
): Promise<{ exports: string[]; problems: string[] }> {
  const { code } = splitScript(source);
  const syntax = await syntaxProblem(code, limits);
  if (syntax !== undefined) return { exports: [], problems: [`it is not valid: ${syntax}`] };
  const exports = exportsOf(code);
  const imports = [...new Set([...code.matchAll(IMPORT)].map(([, name]) => name!))];
  const problems = imports.map((name) =>
    `it imports ${JSON.stringify(name)}; a script has only what was bundled into it`
  );
  if (!exports.includes(functionName) && !exports.includes("default")) {
    const found = exports.join(", ") || "nothing";
    problems.push(`it exports neither ${functionName} nor default; it exports: ${found}`);
  }
  return { exports, problems };
}
