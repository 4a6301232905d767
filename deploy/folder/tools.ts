/**
 * A folder's tools on their way to the gateway: keys of the ConfigMap that it reads anyway, one a file.
 * They belong to a field manager of the folder's own, so that Helm and other folders leave them alone.
 */

import { join } from "node:path";
import { loadTools, ToolsError } from "@asya/gateway";
import { FolderError } from "./error.ts";
import type { Hands } from "./hands.ts";
import { outputOf } from "../tool.ts";
import type { ConfigMap } from "./object.ts";
import type { ToolsFile } from "./reading.ts";
import type { System } from "./system.ts";

/** How long a kubelet may take to bring a ConfigMap into a pod, in milliseconds. */
const MOUNT_MS = 120_000;
const LOOK_EVERY_MS = 1_000;

/** The gateway looks at its files once a second. */
const GATEWAY_MS = 2_000;

/** Which folder's tools. */
export interface Owner {
  /** Of the actors. */
  readonly namespace: string;
  /** Of the folder. */
  readonly folder: string;
}

/** What the keys of a folder begin with. */
function prefixOf({ namespace, folder }: Owner): string {
  return `${namespace}.${folder}.`;
}

/** Name of the field manager to apply with. */
export function toolsManager({ namespace, folder }: Owner): string {
  return `asya-deploy.${namespace}.${folder}`.slice(0, 128);
}

/** Files by key. */
export function toolsData(owner: Owner, files: readonly ToolsFile[]): Record<string, string> {
  return Object.fromEntries(
    files.map(({ path, text }) => [
      prefixOf(owner) + path.replaceAll("/", ".").replaceAll(/[^-._a-zA-Z0-9]/g, "-"),
      text,
    ]),
  );
}

/** Whether the ConfigMap has to be touched: for tools that there are, or were. */
export function toolsChange(existing: ConfigMap, owner: Owner, data: Record<string, string>) {
  const before = Object.entries(existing.data ?? {})
    .filter(([key]) => key.startsWith(prefixOf(owner)));
  return before.length !== Object.keys(data).length ||
    before.some(([key, text]) => data[key] !== text);
}

/** Everybody's tools as the gateway would have them. */
async function problemsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  const dir = await Deno.makeTempDir({ prefix: "asya-tools-" });
  try {
    for (const [key, text] of Object.entries(files)) await Deno.writeTextFile(join(dir, key), text);
    await loadTools(dir);
    return [];
  } catch (error) {
    if (!(error instanceof ToolsError)) throw error;
    return error.problems.map((problem) => problem.replaceAll(`${dir}/`, ""));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/**
 * Makes sure that the gateway will take the tools: it takes all files, or none.
 *
 * @throws FolderError with what would be wrong
 */
export async function checkTools(
  existing: ConfigMap,
  owner: Owner,
  data: Readonly<Record<string, string>>,
): Promise<void> {
  const others = Object.fromEntries(
    Object.entries(existing.data ?? {}).filter(([key]) => !key.startsWith(prefixOf(owner))),
  );
  const before = await problemsOf(others);
  const wrong = (await problemsOf({ ...others, ...data })).filter((one) => !before.includes(one));
  if (wrong.length === 0) return;
  throw new FolderError(
    `the tools do not go with those that the gateway has:\n${
      wrong.map((problem) => `  ${problem}`).join("\n")
    }`,
    "rename a tool, or delete the other folder's with `asya undeploy`",
  );
}

/**
 * Gives the gateway its tools, and waits until it has them.
 *
 * @returns whether it was seen to have them
 * @throws ToolError
 */
export async function applyTools(
  kubectl: readonly string[],
  system: System & { readonly tools: ConfigMap },
  owner: Owner,
  data: Readonly<Record<string, string>>,
  { run, interrupted: signal }: Pick<Hands, "run" | "interrupted">,
): Promise<boolean> {
  const { metadata: { name, namespace } } = system.tools;
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
    ...Object.keys(data).length > 0 && { data },
  };
  const at = [...kubectl, "-n", system.namespace];
  const flags = ["--server-side", "--force-conflicts", "--field-manager", toolsManager(owner)];
  const input = JSON.stringify(object);
  await outputOf(run, [...at, "apply", ...flags, "-f", "-"], { input, signal });
  if (Object.keys(data).length === 0) return true;
  return await untilMounted(at, system, data, { run, interrupted: signal });
}

async function untilMounted(
  at: readonly string[],
  { prefix }: System,
  data: Readonly<Record<string, string>>,
  { run, interrupted: signal }: Pick<Hands, "run" | "interrupted">,
): Promise<boolean> {
  const deployment = `deployment/${prefix}-gateway`;
  const labels = await outputOf(run, [
    ...[...at, "get", deployment, "-o", "jsonpath={.spec.selector.matchLabels}"],
  ]);
  const selector = Object.entries(JSON.parse(labels)).map(([k, v]) => `${k}=${v}`).join(",");
  // A change of a pod makes its kubelet look at the volumes at once, not after a minute.
  const touch = `asya.sh/tools-at=${Date.now()}`;
  await run([...at, "annotate", "pods", "-l", selector, "--overwrite", touch]);
  const keys = Object.keys(data).toSorted();
  const wanted = keys.map((key) => data[key]).join("");
  const cat = ["cat", ...keys.map((key) => `/etc/asya/tools/${key}`)];
  const end = performance.now() + MOUNT_MS;
  while (performance.now() < end && !signal.aborted) {
    const names = await run([...at, "get", "pods", "-l", selector, "-o", "name"]);
    const pods = names.out.split("\n").filter((line) => line !== "");
    const seen = await Promise.all(
      pods.map((pod) => run([...at, "exec", pod, "-c", "gateway", "--", ...cat])),
    );
    if (pods.length > 0 && seen.every(({ code, out }) => code === 0 && out === wanted)) {
      await new Promise((resolve) => setTimeout(resolve, GATEWAY_MS));
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return false;
}
