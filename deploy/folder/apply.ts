/** Objects to the cluster and off it, by server-side apply under one name. */

import { FolderError } from "./error.ts";
import type { Hands } from "./hands.ts";
import { outputOf, ToolError } from "../tool.ts";
import { FOLDER_LABEL, type KubeObject } from "./object.ts";

/** The field manager of a folder's objects. */
export const MANAGER = "asya-deploy";

/** Kubernetes may be slow; webhooks are. */
const APPLY_MS = 120_000;

/** kubectl takes objects of one namespace at a time where some of them name it and others do not. */
function byNamespace(objects: readonly KubeObject[], namespace: string) {
  return Map.groupBy(objects, ({ metadata }) => metadata.namespace ?? namespace);
}

/** kubectl says of each object again what is wrong with all. */
function unique(lines: string): string {
  return [...new Set(lines.split("\n"))].join("\n");
}

function mendingOf(said: string): string | undefined {
  const namespace = /namespaces "([^"]+)" not found/.exec(said)?.[1];
  if (namespace !== undefined) return `kubectl create namespace ${namespace}`;
  if (/no matches for kind "AsyncActor"/.test(said)) return "deno task deploy";
  return undefined;
}

/**
 * Applies objects in their order. What others own of them is taken over: the folder is the truth.
 *
 * @param namespace of objects that name none
 * @param dryRun the cluster checks, and keeps nothing
 * @returns what kubectl said of each object
 * @throws FolderError, ToolError
 */
export async function apply(
  kubectl: readonly string[],
  namespace: string,
  objects: readonly KubeObject[],
  dryRun: boolean,
  { run, interrupted: signal }: Pick<Hands, "run" | "interrupted">,
): Promise<string[]> {
  const flags = ["--server-side", "--force-conflicts", "--field-manager", MANAGER];
  const dry = dryRun ? ["--dry-run=server"] : [];
  const lines: string[] = [];
  for (const [where, items] of byNamespace(objects, namespace)) {
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    const command = [...kubectl, "-n", where, "apply", ...flags, ...dry, "-f", "-"];
    try {
      const said = await outputOf(run, command, { input, signal, timeoutMs: APPLY_MS });
      lines.push(...said.trim().split("\n"));
    } catch (cause) {
      if (!(cause instanceof ToolError) || cause.code !== "failed") throw cause;
      const message = `the cluster refuses objects of namespace ${where}:\n${unique(cause.said)}`;
      throw new FolderError(message, mendingOf(cause.said), { cause });
    }
  }
  return lines;
}

/** Kinds of which a folder's objects can be found again by its label. */
const KINDS = "asyncactors.asya.sh,configmaps,secrets";

/** Names of the objects that carry a folder's label, as kubectl prints them: `configmap/x`. */
export async function labelledObjects(
  kubectl: readonly string[],
  namespace: string,
  folder: string,
  { run }: Pick<Hands, "run">,
): Promise<string[]> {
  const selector = ["-l", `${FOLDER_LABEL}=${folder}`];
  const command = [...kubectl, "-n", namespace, "get", KINDS, ...selector, "-o", "name"];
  return (await outputOf(run, command)).split("\n").filter((line) => line !== "");
}

/** How kubectl names an object among {@linkcode labelledObjects}. */
export function printedName({ apiVersion, kind, metadata }: KubeObject): string {
  const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0]}` : "";
  return `${kind.toLowerCase()}${group}/${metadata.name}`;
}
