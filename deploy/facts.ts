/** Asks machine and cluster for what {@linkcode preflight} judges. Only reads, but for access reviews. */

import { parse, parseAllDocuments } from "yaml";
import {
  type Facts,
  type Known,
  OLDEST,
  type Operator,
  type Permission,
  type Release,
} from "./preflight.ts";
import { outputOf, type Run, ToolError } from "./tool.ts";
import type { Target } from "./target.ts";

/** An object as far as it matters here. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: Record<string, unknown>;
  readonly data?: Readonly<Record<string, string>>;
}

/** Resources of the kinds that the chart has; those in no namespace are marked. */
const RESOURCES: Readonly<Record<string, { readonly resource: string; readonly wide?: true }>> = {
  AsyncActor: { resource: "asyncactors" },
  ClusterRole: { resource: "clusterroles", wide: true },
  ClusterRoleBinding: { resource: "clusterrolebindings", wide: true },
  ConfigMap: { resource: "configmaps" },
  Deployment: { resource: "deployments" },
  HorizontalPodAutoscaler: { resource: "horizontalpodautoscalers" },
  Ingress: { resource: "ingresses" },
  Job: { resource: "jobs" },
  NetworkPolicy: { resource: "networkpolicies" },
  PersistentVolumeClaim: { resource: "persistentvolumeclaims" },
  PodDisruptionBudget: { resource: "poddisruptionbudgets" },
  PodMonitor: { resource: "podmonitors" },
  Role: { resource: "roles" },
  RoleBinding: { resource: "rolebindings" },
  Secret: { resource: "secrets" },
  Service: { resource: "services" },
  ServiceAccount: { resource: "serviceaccounts" },
  StatefulSet: { resource: "statefulsets" },
};

/** What must be allowed so that these objects can be put on a cluster, and taken off again. */
export function neededPermissions(
  manifests: readonly Manifest[],
  { namespace, namespaceExists }: { readonly namespace: string; readonly namespaceExists: boolean },
): Permission[] {
  const needed = new Map<string, Permission>();
  const add = (permission: Permission) => needed.set(JSON.stringify(permission), permission);
  const crd = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
  for (const verb of ["create", "patch"]) add({ verb, ...crd });
  if (!namespaceExists) add({ verb: "create", group: "", resource: "namespaces" });
  // The release itself is kept in Secrets.
  for (const verb of ["create", "list"]) add({ verb, group: "", resource: "secrets", namespace });
  for (const { apiVersion, kind, metadata } of manifests) {
    const known = RESOURCES[kind];
    if (known === undefined) continue;
    const group = apiVersion.includes("/") ? apiVersion.split("/")[0]! : "";
    const where = known.wide ? {} : { namespace: metadata.namespace ?? namespace };
    for (const verb of ["create", "patch", "delete"]) {
      add({ verb, group, resource: known.resource, ...where });
    }
  }
  return [...needed.values()];
}

function claimsOf({ kind, spec = {} }: Manifest): { readonly storageClassName?: string }[] {
  if (kind === "PersistentVolumeClaim") return [spec];
  if (kind !== "StatefulSet") return [];
  const templates = spec["volumeClaimTemplates"] as { spec: object }[] | undefined;
  return (templates ?? []).map((template) => template.spec);
}

/** How many claims want which StorageClass; "" is the default one. */
export function storageClaims(manifests: readonly Manifest[]): Record<string, number> {
  const claims: Record<string, number> = {};
  for (const { storageClassName = "" } of manifests.flatMap(claimsOf)) {
    claims[storageClassName] = (claims[storageClassName] ?? 0) + 1;
  }
  return claims;
}

/** The operators whose configuration is among these objects. */
export function operatorsOf(manifests: readonly Manifest[]): Operator[] {
  return manifests.flatMap(({ metadata: { namespace = "", labels }, data }) => {
    const config = data?.["operator.yaml"];
    if (config === undefined || labels?.["app.kubernetes.io/component"] !== "operator") return [];
    return [{ namespace, watches: parse(config)?.namespaces ?? [] }];
  });
}

/** Objects of a YAML text with several documents. */
export function readManifests(yaml: string): Manifest[] {
  const documents = parseAllDocuments(yaml);
  return documents.map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** A failed question is an answer of its own. */
async function known<T>(ask: () => Promise<T>): Promise<Known<T>> {
  try {
    return { value: await ask() };
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const said = error.said.replaceAll("\n", " ").trim();
    return { unknown: said.replace(/^Error from server \(\w+\): /, "") };
  }
}

async function version(run: Run, command: readonly string[]): Promise<string | undefined> {
  try {
    const said = await outputOf(run, command);
    return /v?\d+\.\d+\.\d+/.exec(said)?.[0] ?? said.trim();
  } catch (error) {
    if (error instanceof ToolError && error.code === "missing") return undefined;
    throw error;
  }
}

async function serverVersion(run: Run, { kubectl }: Target): Promise<string> {
  const options = { timeoutMs: 20_000 };
  const said = await outputOf(run, [...kubectl, "version", "-o", "json"], options);
  return JSON.parse(said).serverVersion.gitVersion;
}

async function kedaVersion(run: Run, { kubectl }: Target): Promise<string | undefined> {
  const get = ["get", "crd", "scaledobjects.keda.sh", "--ignore-not-found", "-o", "json"];
  const { code, out } = await run([...kubectl, ...get]);
  if (code === 0 && out.trim() === "") return undefined;
  if (code === 0) return JSON.parse(out).metadata.labels?.["app.kubernetes.io/version"] ?? "";
  // Everybody may ask which kinds there are, if not of which version.
  await outputOf(run, [...kubectl, "get", "--raw", "/apis/keda.sh"]);
  return "";
}

async function storageClasses(run: Run, { kubectl }: Target) {
  const { items } = JSON.parse(await outputOf(run, [...kubectl, "get", "sc", "-o", "json"]));
  const names: string[] = [];
  let standard: string | undefined;
  for (const { metadata } of items) {
    names.push(metadata.name);
    const marked = metadata.annotations?.["storageclass.kubernetes.io/is-default-class"];
    if (marked === "true") standard = metadata.name;
  }
  return { names, ...standard === undefined ? {} : { standard } };
}

async function architectures(run: Run, { kubectl }: Target): Promise<Record<string, number>> {
  const path = "jsonpath={.items[*].status.nodeInfo.architecture}";
  const counts: Record<string, number> = {};
  const said = await outputOf(run, [...kubectl, "get", "nodes", "-o", path]);
  for (const name of said.trim().split(/\s+/)) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

async function releaseNow(run: Run, target: Target): Promise<Release | undefined> {
  const said = await outputOf(run, [
    ...target.helm,
    "list",
    "--all",
    "--filter",
    `^${target.release}$`,
    "-o",
    "json",
  ]);
  const [found] = JSON.parse(said);
  if (found === undefined) return undefined;
  return { status: found.status, chart: found.chart, revision: Number(found.revision) };
}

async function otherOperators(run: Run, { kubectl, namespace }: Target): Promise<Operator[]> {
  const selector = "app.kubernetes.io/name=asya,app.kubernetes.io/component=operator";
  const command = [...kubectl, "get", "configmaps", "-A", "-l", selector, "-o", "json"];
  const { items } = JSON.parse(await outputOf(run, command));
  return operatorsOf(items).filter((operator) => operator.namespace !== namespace);
}

async function namespacePhase(run: Run, { kubectl, namespace }: Target) {
  const path = "jsonpath={.status.phase}";
  const said = await outputOf(run, [
    ...kubectl,
    "get",
    "namespace",
    namespace,
    "--ignore-not-found",
    "-o",
    path,
  ]);
  return said.trim() || undefined;
}

/** Those of them that are refused, found by asking for all in one request to the program. */
async function deniedOf(
  run: Run,
  { kubectl }: Target,
  permissions: readonly Permission[],
): Promise<Permission[]> {
  const reviews = permissions.map((resourceAttributes) => ({
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes },
  }));
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: reviews });
  const said = await outputOf(run, [...kubectl, "create", "-f", "-", "-o", "json"], { input });
  return deniedIn(said, permissions);
}

/** Reads the answers, of which the program prints one object each, or one list. */
export function deniedIn(said: string, permissions: readonly Permission[]): Permission[] {
  const answers = JSON.parse(`[${said.replaceAll(/\}\s*\{/g, "},{")}]`)
    .flatMap((answer: { items?: unknown[] }) => answer.items ?? [answer]);
  return permissions.filter((_, n) => answers[n]?.status?.allowed !== true);
}

/** Asks everything that can be asked; what hangs on a missing program stays unknown. */
export async function gatherFacts(
  run: Run,
  target: Target,
  render: (kubernetes: string) => readonly string[],
): Promise<Facts> {
  const [kubectl, helm] = await Promise.all([
    version(run, ["kubectl", "version", "--client"]),
    version(run, ["helm", "version", "--short"]),
  ]);
  const [context, server] = await Promise.all([
    known(() => outputOf(run, target.currentContext)),
    known(() => serverVersion(run, target)),
  ]);
  const kubernetes = "value" in server ? server.value : `v${OLDEST.kubernetes}.0`;
  const chart = await known(async () => readManifests(await outputOf(run, render(kubernetes))));
  const ask = <T>(question: () => Promise<T>): Promise<Known<T>> =>
    "unknown" in server ? Promise.resolve({ unknown: server.unknown }) : known(question);
  const [keda, storage, nodes, release, operators, phase] = await Promise.all([
    ask(() => kedaVersion(run, target)),
    ask(() => storageClasses(run, target)),
    ask(() => architectures(run, target)),
    ask(() => releaseNow(run, target)),
    ask(() => otherOperators(run, target)),
    ask(() => namespacePhase(run, target)),
  ]);
  const manifests = "value" in chart ? chart.value : [];
  const denied = await ask(() => {
    const namespaceExists = !("value" in phase) || phase.value !== undefined;
    const { namespace } = target;
    return deniedOf(run, target, neededPermissions(manifests, { namespace, namespaceExists }));
  });
  return {
    kubectl,
    helm,
    context: "value" in context ? { value: context.value.trim() } : context,
    server,
    keda,
    storage,
    chart: "unknown" in chart ? chart : {
      value: {
        claims: storageClaims(manifests),
        watches: operatorsOf(manifests).flatMap(({ watches }) => watches),
      },
    },
    denied,
    architectures: nodes,
    release,
    operators,
    namespacePhase: phase,
  };
}
