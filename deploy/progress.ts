/** How far a release has come: from the objects of its namespace to lines, and to what is wrong. */

import type { Paint } from "./terminal.ts";

/** A condition of an object's status. */
interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}

/** State of a container, as the kubelet says it. */
interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly terminated?: { readonly exitCode: number; readonly reason?: string };
}

/** An object of the namespace, as far as it is read here. */
export interface Item {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly phase?: string;
    readonly status?: string;
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

/** Something that does not start by waiting. */
export interface Trouble {
  readonly pod: string;
  readonly container: string;
  readonly reason: string;
  /** The container ran and ended, so it has a log to look at. */
  readonly hasLog: boolean;
  /** Of the container; tells one end of it from the next. */
  readonly restarts: number;
}

/** One workload or actor. */
export interface Row {
  readonly name: string;
  readonly ready: boolean;
  readonly text: string;
}

/** A release at a moment. */
export interface Progress {
  readonly rows: readonly Row[];
  readonly troubles: readonly Trouble[];
}

const INSTANCE = "app.kubernetes.io/instance";
const COMPONENT = "app.kubernetes.io/component";
const ACTOR = "asya.sh/actor";

/** Reasons to wait that are no trouble. */
const ORDINARY = ["ContainerCreating", "PodInitializing"];

function workloadRow({ metadata, spec, status = {} }: Item): Row {
  const wanted = spec?.replicas ?? 1;
  const seen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const updated = seen ? status.updatedReplicas ?? 0 : 0;
  const now = Math.min(status.readyReplicas ?? 0, updated);
  // Old pods that still end do not hold anything up.
  return { name: metadata.name, ready: now >= wanted, text: `${now}/${wanted} ready` };
}

function actorRow({ metadata, status = {} }: Item): Row {
  const condition = status.conditions?.find(({ type }) => type === "Ready");
  const ready = condition?.status === "True";
  const word = status.status ?? "waits for the operator";
  const why = ready || !condition?.message ? "" : `: ${condition.message}`;
  return { name: `actor ${metadata.name}`, ready, text: `${word}${why}` };
}

function troublesOf({ metadata, status = {} }: Item): Trouble[] {
  const pod = metadata.name;
  const statuses = [...status.initContainerStatuses ?? [], ...status.containerStatuses ?? []];
  const troubles = statuses.flatMap(({ name: container, restartCount, state, lastState }) => {
    const { waiting } = state ?? {};
    const ended = state?.terminated ?? lastState?.terminated;
    const failed = ended !== undefined && ended.exitCode !== 0;
    if (waiting?.reason && !ORDINARY.includes(waiting.reason)) {
      const said = waiting.reason === "CrashLoopBackOff" ? "" : waiting.message;
      const code = failed ? `, exit code ${ended.exitCode}` : "";
      const reason = `${waiting.reason}${code}${said ? `: ${said}` : ""}`;
      return [{ pod, container, reason, hasLog: failed, restarts: restartCount }];
    }
    if (!failed || state?.terminated === undefined) return [];
    const reason = `${ended.reason ?? "Error"}, exit code ${ended.exitCode}`;
    return [{ pod, container, reason, hasLog: true, restarts: restartCount }];
  });
  const unscheduled = status.conditions?.find(({ type, status }) =>
    type === "PodScheduled" && status === "False"
  );
  if (unscheduled === undefined) return troubles;
  const reason = `not scheduled: ${unscheduled.message ?? "no reason given"}`;
  return [...troubles, { pod, container: "", reason, hasLog: false, restarts: 0 }];
}

/** What a release's objects say; those of others in the namespace are left out. */
export function progressOf(items: readonly Item[], release: string): Progress {
  const ours = ({ metadata: { labels = {} } }: Item) =>
    labels[INSTANCE] === release && labels[COMPONENT] !== "test";
  const actors = items.filter((item) => item.kind === "AsyncActor" && ours(item));
  const names = new Set(actors.map(({ metadata }) => metadata.name));
  const workloads = items.filter((item) =>
    (item.kind === "Deployment" || item.kind === "StatefulSet") && ours(item)
  );
  const pods = items.filter((item) =>
    item.kind === "Pod" && (ours(item) || names.has(item.metadata.labels?.[ACTOR] ?? ""))
  );
  const rows = [...workloads.map(workloadRow), ...actors.map(actorRow)];
  return {
    rows: rows.toSorted((a, b) => a.name < b.name ? -1 : 1),
    troubles: pods.flatMap(troublesOf),
  };
}

/** The rows as they are shown, with the first trouble of each pod below. */
export function progressLines({ rows, troubles }: Progress, paint: Paint): string[] {
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  return [
    ...rows.map(({ name, ready, text }) =>
      `  ${ready ? paint.good("ok") : paint.dim("..")}  ${name.padEnd(width)}  ${text}`
    ),
    ...troubles.map(({ pod, container, reason }) =>
      `  ${paint.warn("!!")}  ${pod}${container ? ` (${container})` : ""}: ${reason}`
    ),
  ];
}
