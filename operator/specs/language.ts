/** Which script runs a handler, and what runs the script: as the form of the handler's name tells. */

import { basename } from "node:path";
import { type AsyncActor, runtimeContainer } from "@asya/manifest";

/** Of handlers in Python. */
export const PYTHON_SCRIPT = "asya_runtime.py";

/** Of handlers in JavaScript and TypeScript. */
export const JAVASCRIPT_SCRIPT = "asya_runtime.mjs";

/** Where a container has them. */
export const SCRIPT_FOLDER = "/opt/asya";

function handlerOf(actor: AsyncActor): string {
  const env = runtimeContainer(actor)?.env ?? [];
  return env.find(({ name }) => name === "ASYA_HANDLER")?.value ?? "";
}

/** `./shout.ts:process` is JavaScript where a `node` or a `deno` is to run it; else it is Python. */
function engineOf(actor: AsyncActor): "node" | "deno" | "python" {
  const name = basename(actor.spec.workload.pythonExecutable);
  const script = /[/:#]/.test(handlerOf(actor));
  return script && (name === "node" || name === "deno") ? name : "python";
}

/** The name of the script that an actor's container starts. */
export function scriptOf(actor: AsyncActor): string {
  return engineOf(actor) === "python" ? PYTHON_SCRIPT : JAVASCRIPT_SCRIPT;
}

/** What the container runs. Deno may do what the container may, as Node and Python may. */
export function commandOf(actor: AsyncActor): string[] {
  const { pythonExecutable } = actor.spec.workload;
  const run = engineOf(actor) === "deno" ? ["run", "--quiet", "--no-prompt", "-A"] : [];
  return [pythonExecutable, ...run, `${SCRIPT_FOLDER}/${scriptOf(actor)}`];
}
