/** What a module would need of this host, and does not get: all of it in one list. */

import { PluginError } from "../plugin.ts";
import { ASYA_NAMESPACE, EXTISM_NAMESPACE, OFFERED } from "./environment.ts";
import type { Prepared } from "./prepare.ts";
import { WASI_NAMESPACE, wasiFunctions } from "./wasi.ts";

/** More problems than that are not listed. */
const MAX_LISTED = 20;

const offered: Readonly<Record<string, ReadonlySet<string>>> = {
  [EXTISM_NAMESPACE]: new Set(OFFERED[EXTISM_NAMESPACE]),
  [ASYA_NAMESPACE]: new Set(OFFERED[ASYA_NAMESPACE]),
  [WASI_NAMESPACE]: new Set(
    Object.keys(wasiFunctions({ memory: () => new ArrayBuffer(), write: () => {} })),
  ),
};

/** Why a module cannot be run, one sentence each; empty: it can. */
export function moduleProblems(prepared: Prepared, functionName: string): string[] {
  const problems = [...prepared.problems];
  for (const { module, name, kind } of prepared.imports) {
    if (kind !== "function") {
      problems.push(`it imports the ${kind} ${module}.${name}; only functions may be imported`);
    } else if (module === "wasi_unstable" || module.startsWith("wasi:")) {
      problems.push(
        `it imports ${module}.${name}: another WASI than preview 1 (${WASI_NAMESPACE}), ` +
          "which is the one that this host offers",
      );
    } else if (!offered[module]?.has(name)) {
      problems.push(`it imports ${module}.${name}, which this host does not offer`);
    }
  }
  const missing = missingFunction(prepared, functionName);
  return missing === undefined ? problems : [...problems, missing];
}

function missingFunction({ exports }: Prepared, functionName: string): string | undefined {
  const functions = exports.filter(({ kind }) => kind === "function").map(({ name }) => name);
  if (functions.includes(functionName)) return undefined;
  const shown = functions.slice(0, MAX_LISTED).join(", ") || "none";
  return `it does not export the function ${JSON.stringify(functionName)}; it exports: ${shown}`;
}

/** @throws PluginError `missing_function` where that is all, else `invalid_module` with the list */
export function checkModule(prepared: Prepared, functionName: string): void {
  const problems = moduleProblems(prepared, functionName);
  if (problems.length === 0) return;
  const onlyMissing = problems.length === 1 && missingFunction(prepared, functionName);
  const listed = problems.slice(0, MAX_LISTED);
  if (problems.length > MAX_LISTED) listed.push(`and ${problems.length - MAX_LISTED} more`);
  const text = listed.length === 1 ? ` ${listed[0]}` : "\n- " + listed.join("\n- ");
  const message = `the module cannot be used:${text}`;
  throw new PluginError(onlyMissing ? "missing_function" : "invalid_module", message);
}
