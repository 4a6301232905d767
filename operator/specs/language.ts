/** Which script runs a handler, and what runs the script: as the form of the handler's name tells. */

import { basename } from "node:path";
import { type AsyncActor, type Interpreter, interpreterOf, runtimeContainer } from "@asya/manifest";

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

function engineOf(actor: AsyncActor): Interpreter {
  return interpreterOf(handlerOf(actor), actor.spec.workload.pythonExecutable);
}

/** The name of the script that an actor's container starts. */
export function scriptOf(actor: AsyncActor): string {
  return engineOf(actor) === "python" ? PYTHON_SCRIPT : JAVASCRIPT_SCRIPT;
}

/** What the container runs. Deno may do what the container may, as Node and Python may. */
export function commandOf(actor: AsyncActor): string[] {
  const { pythonExecutable } = actor.spec.workload;
  const script = `${SCRIPT_FOLDER}/${scriptOf(actor)}`;
  if (engineOf(actor) !== "deno") return [pythonExecutable, script];
  const executable = basename(pythonExecutable) === "deno" ? pythonExecutable : "deno";
  return [executable, "run", "--quiet", "--no-prompt", "-A", script];
}
