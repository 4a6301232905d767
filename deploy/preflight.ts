/** What must be so before anything is changed: from facts of machine and cluster to a report. */

import { atLeast, versionText } from "./version.ts";

/** Either what was found, or why it is not known. */
export type Known<T> = { readonly value: T } | { readonly unknown: string };

/** Something that a cluster would be asked to do. */
export interface Permission {
  readonly verb: string;
  /** API group; empty: the core one. */
  readonly group: string;
  readonly resource: string;
  /** Absent: for the whole cluster. */
  readonly namespace?: string;
}

/** A Helm release as it is now. */
export interface Release {
  /** In Helm's words: `deployed`, `failed`, `pending-upgrade`, ... */
  readonly status: string;
  /** `NAME-VERSION` of its chart. */
  readonly chart: string;
  readonly revision: number;
}

/** An operator of ours in the cluster. */
export interface Operator {
  /** Of its release. */
  readonly namespace: string;
  /** Namespaces whose actors it looks after; none: all. */
  readonly watches: readonly string[];
}

/** What was found. A program that is missing makes unknown what only it can tell. */
export interface Facts {
  /** Versions of the programs; undefined: not installed. */
  readonly kubectl: string | undefined;
  readonly helm: string | undefined;
  readonly context: Known<string>;
  /** Version of the API server. */
  readonly server: Known<string>;
  /** Undefined: not installed; an empty text: of an unknown version. */
  readonly keda: Known<string | undefined>;
  /** StorageClasses by name, and which is the default. */
  readonly storage: Known<{ readonly names: readonly string[]; readonly standard?: string }>;
  /** The chart with the values that were given: how many claims want which class ("": the default). */
  readonly chart: Known<{
    readonly claims: Readonly<Record<string, number>>;
    /** Namespaces that its operator looks after; none: all. */
    readonly watches: readonly string[];
  }>;
  /** Those that the user lacks. */
  readonly denied: Known<readonly Permission[]>;
  /** Architectures of the nodes, and how many have each. */
  readonly architectures: Known<Readonly<Record<string, number>>>;
  /** Undefined: the release is not there yet. */
  readonly release: Known<Release | undefined>;
  /** Those of other releases. */
  readonly operators: Known<readonly Operator[]>;
  /** Undefined: it is made. */
  readonly namespacePhase: Known<string | undefined>;
}

/** What is wanted, as far as the checks depend on it. */
export interface Wanted {
  readonly release: string;
  readonly namespace: string;
  readonly chart: string;
  /** Architecture of images that are built now; undefined: none are. */
  readonly imageArchitecture: string | undefined;
}

/** One line of the report. `mend` is a command, or a sentence where no command does it. */
export interface Check {
  readonly state: "good" | "warning" | "problem";
  readonly text: string;
  readonly mend?: string;
}

/** The oldest versions that are known to work. */
export const OLDEST = { kubernetes: "1.29", helm: "3.12", kubectl: "1.28", keda: "2.10" } as const;

const good = (text: string): Check => ({ state: "good", text });
const problem = (text: string, mend: string): Check => ({ state: "problem", text, mend });
const warning = (text: string, mend: string): Check => ({ state: "warning", text, mend });

function program(
  name: "kubectl" | "helm",
  version: string | undefined,
  install: string,
): Check {
  if (version === undefined) return problem(`${name} is not installed`, install);
  if (atLeast(version, OLDEST[name])) return good(`${name} ${versionText(version)}`);
  return problem(`${name} ${versionText(version)} is older than ${OLDEST[name]}`, install);
}

function context({ context }: Facts): Check[] {
  if ("value" in context) return [good(`context ${context.value}`)];
  return [problem(
    `no cluster is chosen: ${context.unknown}`,
    "kubectl config get-contexts; kubectl config use-context NAME   (or --context NAME)",
  )];
}

function server({ server }: Facts): Check[] {
  if ("unknown" in server) {
    return [problem(`the cluster does not answer: ${server.unknown}`, "kubectl cluster-info")];
  }
  const text = `Kubernetes ${versionText(server.value)}`;
  if (atLeast(server.value, OLDEST.kubernetes)) return [good(text)];
  return [problem(`${text} is older than ${OLDEST.kubernetes}`, "upgrade the cluster")];
}

function keda({ keda }: Facts): Check[] {
  if ("unknown" in keda) {
    return [unknown("whether KEDA is installed", keda.unknown, "kubectl get --raw /apis/keda.sh")];
  }
  const install = "helm upgrade --install keda keda --repo https://kedacore.github.io/charts " +
    "--namespace keda --create-namespace --wait";
  if (keda.value === undefined) {
    return [problem("KEDA is not installed; it scales actors by their queues", install)];
  }
  if (keda.value === "") return [good("KEDA (of an unknown version)")];
  if (atLeast(keda.value, OLDEST.keda)) return [good(`KEDA ${versionText(keda.value)}`)];
  return [problem(`KEDA ${versionText(keda.value)} is older than ${OLDEST.keda}`, install)];
}

function volumes(count: number): string {
  return `${count} volume${count === 1 ? "" : "s"}`;
}

function storage({ storage, chart }: Facts): Check[] {
  if ("unknown" in chart) return [];
  const claims = Object.entries(chart.value.claims);
  const total = claims.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return [good("no storage is needed")];
  if ("unknown" in storage) {
    return [warning(
      `whether there is storage for ${volumes(total)} is not known: ${storage.unknown}`,
      "kubectl get storageclass",
    )];
  }
  const { names, standard } = storage.value;
  const checks = claims.flatMap(([name, count]) => {
    if (name === "" ? standard !== undefined : names.includes(name)) return [];
    const what = `${volumes(count)} would wait for ever`;
    if (name !== "") {
      return [problem(
        `${what}: there is no StorageClass ${name}`,
        `use one of these in your values: ${names.join(", ") || "(there are none)"}`,
      )];
    }
    return [problem(
      `${what}: no StorageClass is the default`,
      names.length === 0
        ? "install a provisioner, or set persistence off and use a broker and database of yours"
        : `kubectl annotate storageclass ${
          names[0]
        } storageclass.kubernetes.io/is-default-class=true`,
    )];
  });
  if (checks.length > 0) return checks;
  return [good(`storage: ${volumes(total)} of ${standard ?? names[0]}`)];
}

/** `create, patch deployments.apps, services`: resources of which the same is lacking, together. */
function lackText(lacks: readonly Permission[]): string {
  const verbs = Map.groupBy(lacks, resourceOf);
  const same = Map.groupBy(verbs, ([, of]) => of.map(({ verb }) => verb).join(", "));
  return [...same].map(([verb, resources]) =>
    `${verb} ${resources.map(([resource]) => resource).join(", ")}`
  ).join("; ");
}

function resourceOf({ group, resource }: Permission): string {
  return group ? `${resource}.${group}` : resource;
}

/** What an administrator types, who sees the user's name by `kubectl auth whoami`. */
function grant(lacks: readonly Permission[], namespace: string | undefined): string {
  const [of, flag] = namespace === undefined ? ["clusterrole", ""] : ["role", ` -n ${namespace}`];
  const distinct = (texts: string[]) => [...new Set(texts)].join(",");
  const verbs = distinct(lacks.map(({ verb }) => verb));
  const resources = distinct(lacks.map(resourceOf));
  return `kubectl${flag} create ${of} asya-deploy --verb=${verbs} --resource=${resources}; ` +
    `kubectl${flag} create ${of}binding asya-deploy --${of}=asya-deploy --user=NAME   ` +
    "(by an administrator; `kubectl auth whoami` says your NAME)";
}

function permissions({ denied }: Facts): Check[] {
  if ("unknown" in denied) {
    return [unknown("what you may do there", denied.unknown, "kubectl auth can-i --list")];
  }
  if (denied.value.length === 0) return [good("permissions")];
  const places = Map.groupBy(denied.value, ({ namespace }) => namespace);
  return [...places].map(([namespace, lacks]) => {
    const where = namespace === undefined ? "in the cluster" : `in namespace ${namespace}`;
    return problem(`${where} you may not ${lackText(lacks)}`, grant(lacks, namespace));
  });
}

function architectures({ architectures }: Facts, { imageArchitecture: built }: Wanted): Check[] {
  if ("unknown" in architectures) {
    return [warning(
      `the nodes' architecture is not known: ${architectures.unknown}`,
      "kubectl get nodes -L kubernetes.io/arch",
    )];
  }
  const names = Object.keys(architectures.value).sort();
  const nodes = Object.entries(architectures.value).sort()
    .map(([name, count]) => `${count} ${name}`).join(", ");
  if (built === undefined || names.every((name) => name === built)) {
    return [good(`nodes: ${nodes}`)];
  }
  if (names.includes(built)) {
    return [warning(
      `nodes: ${nodes}; the images are for ${built} alone`,
      `--set operator.nodeSelector."kubernetes\\.io/arch"=${built}, and so for gateway and crew`,
    )];
  }
  return [problem(
    `nodes: ${nodes}; images built here are for ${built}`,
    `deno task build --push on a machine with ${names[0]}, then deploy without --build`,
  )];
}

function release(facts: Facts, { release: name, namespace, chart }: Wanted): Check[] {
  const { release, namespacePhase } = facts;
  if ("value" in namespacePhase && namespacePhase.value === "Terminating") {
    return [problem(
      `namespace ${namespace} is being deleted`,
      `kubectl wait --for=delete namespace/${namespace} --timeout=5m`,
    )];
  }
  if ("unknown" in release) {
    const look = `helm list --all --namespace ${namespace}`;
    return [unknown("whether it is installed", release.unknown, look)];
  }
  if (release.value === undefined) return [good(`release ${name} will be installed`)];
  const { status, chart: installed, revision } = release.value;
  if (installed.replace(/-\d.*$/, "") !== chart) {
    return [problem(
      `release ${name} in namespace ${namespace} is another chart: ${installed}`,
      "choose another --namespace",
    )];
  }
  if (!status.startsWith("pending") && status !== "uninstalling") {
    return [good(`release ${name} will be upgraded (revision ${revision}, ${status})`)];
  }
  const stuck = `release ${name} is ${status}: somebody works on it now, or was killed doing so`;
  if (revision === 1 || status === "uninstalling") {
    return [problem(stuck, `helm uninstall ${name} -n ${namespace} --wait`)];
  }
  return [problem(stuck, `helm rollback ${name} ${revision - 1} -n ${namespace} --wait`)];
}

/** Two that look after the same actors undo each other's work for ever. */
function operators({ operators, chart }: Facts): Check[] {
  if ("unknown" in operators) {
    return [warning(
      `whether another operator looks after the same actors is not known: ${operators.unknown}`,
      "kubectl get deployments -A -l app.kubernetes.io/component=operator",
    )];
  }
  if ("unknown" in chart) return [];
  const { watches } = chart.value;
  const common = (other: Operator) =>
    watches.length === 0 || other.watches.length === 0 ||
    watches.some((namespace) => other.watches.includes(namespace));
  return operators.value.filter(common).map(({ namespace, watches }) =>
    problem(
      `the operator in namespace ${namespace} looks after actors in ${
        watches.length === 0 ? "all namespaces" : watches.join(", ")
      }: two would undo each other's work`,
      `deno task undeploy --namespace ${namespace}, or --set watchNamespaces={...} for both`,
    )
  );
}

function rendered({ chart }: Facts): Check[] {
  if ("value" in chart) return [];
  return [
    problem(`the chart refuses these values: ${chart.unknown}`, "correct --values and --set"),
  ];
}

/** @param look what shows the same trouble, and whether it is mended */
function unknown(what: string, why: string, look: string): Check {
  return problem(`it is not known ${what}: ${why}`, look);
}

/** The report, one check a line, in the order in which one would mend. */
export function preflight(facts: Facts, wanted: Wanted): Check[] {
  const programs = [
    program("kubectl", facts.kubectl, "see https://kubernetes.io/docs/tasks/tools/"),
    program("helm", facts.helm, "see https://helm.sh/docs/intro/install/"),
  ];
  const checks = facts.kubectl === undefined ? [] : [...context(facts)];
  if (facts.kubectl !== undefined && "value" in facts.context) checks.push(...server(facts));
  if (facts.helm !== undefined) checks.push(...rendered(facts));
  if (!("value" in facts.server)) return [...programs, ...checks];
  checks.push(...keda(facts), ...storage(facts), ...permissions(facts));
  checks.push(...architectures(facts, wanted), ...operators(facts));
  if (facts.helm !== undefined) checks.push(...release(facts, wanted));
  return [...programs, ...checks];
}
