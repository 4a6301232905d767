/** The installed system that looks after a namespace: found by the ConfigMaps of its chart. */

import { parse } from "yaml";
import { FolderError } from "./error.ts";
import type { Hands } from "./hands.ts";
import { outputOf } from "../tool.ts";
import type { ConfigMap } from "./object.ts";

/** What a folder needs to know of a system. */
export interface System {
  readonly namespace: string;
  /** Before the names of its objects. */
  readonly prefix: string;
  /** Image of Python actors that name none. */
  readonly pythonImage: string;
  /** The ConfigMap that its gateway reads tools from; undefined: it has no gateway. */
  readonly tools?: ConfigMap;
}

const COMPONENT = "app.kubernetes.io/component";
const INSTANCE = "app.kubernetes.io/instance";

/** Which systems are among these ConfigMaps, and look after the namespace. */
export function systemsFor(namespace: string, configMaps: readonly ConfigMap[]): System[] {
  return configMaps.flatMap(({ metadata, data }) => {
    const config = data?.["operator.yaml"];
    const prefix = metadata.name.replace(/-operator$/, "");
    if (config === undefined || metadata.labels?.[COMPONENT] !== "operator") return [];
    const { namespaces = [], pythonImage } = parse(config) as {
      namespaces?: readonly string[];
      pythonImage: string;
    };
    if (namespaces.length > 0 && !namespaces.includes(namespace)) return [];
    const tools = configMaps.find((other) =>
      other.metadata.namespace === metadata.namespace &&
      other.metadata.labels?.[INSTANCE] === metadata.labels?.[INSTANCE] &&
      other.metadata.name === `${prefix}-gateway-tools`
    );
    return [{ namespace: metadata.namespace!, prefix, pythonImage, ...tools && { tools } }];
  });
}

/**
 * Finds it.
 *
 * @param kubectl without a namespace
 * @param among the namespace of the system; undefined: it is looked for in all
 * @throws FolderError when there is none, or more than one; ToolError
 */
export async function findSystem(
  kubectl: readonly string[],
  namespace: string,
  among: string | undefined,
  { run }: Pick<Hands, "run">,
): Promise<System> {
  const where = among === undefined ? ["--all-namespaces"] : ["-n", among];
  const selector = `app.kubernetes.io/name=asya,${COMPONENT} in (operator,gateway)`;
  const said = await outputOf(run, [
    ...[...kubectl, "get", "configmaps", ...where, "-l", selector, "-o", "json"],
  ], { timeoutMs: 30_000 });
  const [system, ...more] = systemsFor(namespace, JSON.parse(said).items);
  if (system === undefined) {
    throw new FolderError(
      `no operator looks after namespace ${namespace}${among ? ` from ${among}` : ""}`,
      "install the system with `deno task deploy`, or give the --namespace that it watches",
    );
  }
  if (more.length > 0) {
    const all = [system, ...more].map((one) => one.namespace).join(", ");
    throw new FolderError(
      `several systems look after namespace ${namespace}: those in ${all}`,
      `choose one with --system ${system.namespace}`,
    );
  }
  return system;
}
