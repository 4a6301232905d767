/** `asya deploy` and `asya undeploy`: a folder of actors and tools, as `dev` runs it, on a cluster. */

import { exists, statePaths } from "@asya/local";
import { FolderError } from "./error.ts";
import type { Hands } from "./hands.ts";
import { apply, labelledObjects, printedName } from "./apply.ts";
import { type Code, codePlace, leftNotes, readCode } from "./code.ts";
import { type Module, moduleFile, readModule } from "./module.ts";
import type { KubeObject } from "./object.ts";
import { objectsOf, type Packages } from "./objects.ts";
import { readSource, type Source } from "./reading.ts";
import type { ActorName } from "./status.ts";
import { findSystem, type System } from "./system.ts";
import { applyTools, checkTools, type Owner, toolsChange, toolsData } from "./tools.ts";
import { lastLines, untilReady } from "./wait.ts";

/** Which folder goes where. */
export interface FolderWish {
  /** Its path. */
  readonly dir: string;
  /** Of objects that name none. */
  readonly namespace: string;
  /** Of the kubeconfig; undefined: its current one. */
  readonly context?: string | undefined;
  /** Namespace of the system; undefined: it is looked for. */
  readonly system?: string | undefined;
}

/** How to deploy it. */
export interface DeployWish extends FolderWish {
  /** How long actors may take to be ready, in milliseconds. */
  readonly waitMs: number;
  /** The cluster checks, and keeps nothing. */
  readonly dryRun: boolean;
}

/** As a shell counts a command that Ctrl-C ended. */
const INTERRUPTED = 130;

function kubectlOf({ context }: FolderWish): readonly string[] {
  return ["kubectl", ...context === undefined ? [] : ["--context", context]];
}

/** Named first, since nobody is asked: it may be the wrong one. */
async function clusterName({ context }: FolderWish, { run }: Hands): Promise<string> {
  if (context !== undefined) return context;
  const { code, out } = await run(["kubectl", "config", "current-context"]);
  return code === 0 ? out.trim() : "the cluster that this runs in";
}

async function pack(source: Source): Promise<Packages> {
  const code = new Map<string, Code>();
  const modules = new Map<string, Module>();
  for (const located of source.actors) {
    const { name } = located.value.metadata;
    const file = moduleFile(located);
    if (file !== undefined) {
      modules.set(name, await readModule(name, file, statePaths(source.dir).builds));
    }
    const place = codePlace(located, source.dir, exists);
    if (place !== undefined) code.set(name, await readCode(name, place, source.read));
  }
  return { code, modules };
}

function actorsOf({ actors }: Source, namespace: string): ActorName[] {
  return actors.map(({ value: { metadata } }) => ({
    name: metadata.name,
    namespace: metadata.namespace ?? namespace,
  }));
}

/** Actors that the folder had when it was deployed before. */
async function forgotten(
  kubectl: readonly string[],
  { namespace }: FolderWish,
  { name }: Source,
  objects: readonly KubeObject[],
  hands: Hands,
): Promise<string[]> {
  const now = new Set(objects.map(printedName));
  const there = await labelledObjects(kubectl, namespace, name, hands);
  return there.filter((object) => object.startsWith("asyncactor") && !now.has(object)).map((name) =>
    `${name} is not in the folder any more: kubectl -n ${namespace} delete ${name}`
  );
}

interface Tools {
  readonly owner: Owner;
  readonly data: Record<string, string>;
  /** Where they go; undefined: nowhere, or they are there. */
  readonly system: System & { readonly tools: NonNullable<System["tools"]> } | undefined;
  readonly notes: readonly string[];
}

async function planTools(source: Source, namespace: string, system: System): Promise<Tools> {
  const owner = { namespace, folder: source.name };
  const data = toolsData(owner, source.tools);
  const { tools } = system;
  if (tools === undefined) {
    const notes = source.tools.length > 0
      ? [`there is no gateway in ${system.namespace}: nobody offers the tools of this folder`]
      : [];
    return { owner, data, system: undefined, notes };
  }
  if (!toolsChange(tools, owner, data)) return { owner, data, system: undefined, notes: [] };
  await checkTools(tools, owner, data);
  return { owner, data, system: { ...system, tools }, notes: [] };
}

function nextLines(source: Source, wish: FolderWish, { namespace, prefix, tools }: System) {
  const context = wish.context === undefined ? "" : ` --context ${wish.context}`;
  const kubectl = `kubectl${context}`;
  const [tool] = source.toolNames;
  const call = tools === undefined || tool === undefined ? [] : [
    `${kubectl} -n ${namespace} port-forward service/${prefix}-gateway 8080:http`,
    `asya call ${tool} --url http://127.0.0.1:8080 --wait   (with the arguments of the tool)`,
  ];
  return ["next", ...[`${kubectl} -n ${wish.namespace} get asya`, ...call].map((x) => `  ${x}`)];
}

/**
 * Applies a folder and waits until its actors are ready.
 *
 * @returns the exit code
 * @throws ManifestError, LocalError: the folder is wrong; FolderError: it cannot be put there, or does
 *   not come up; ToolError
 */
export async function deployFolder(wish: DeployWish, world: Hands): Promise<number> {
  const { terminal } = world;
  const { namespace, dryRun } = wish;
  const kubectl = kubectlOf(wish);
  const source = await readSource(wish.dir);
  const system = await findSystem(kubectl, namespace, wish.system, world);
  const packages = await pack(source);
  const tools = await planTools(source, namespace, system);
  const { name, actors } = source;
  const objects = objectsOf({ ...source, ...packages, pythonImage: system.pythonImage });
  const count = `${actors.length} actor${actors.length === 1 ? "" : "s"}`;
  const what = `${count} of ${name} to ${await clusterName(wish, world)}, namespace ${namespace}`;
  terminal.line(terminal.paint.strong(`${what}${dryRun ? " (nothing is changed)" : ""}`));
  const left = [...packages.code].flatMap(([actor, code]) => leftNotes(actor, code));
  for (const note of [...source.notes, ...tools.notes, ...left]) {
    terminal.line(`  ${terminal.paint.warn("!!")}  ${note}`);
  }
  const applied = await apply(kubectl, namespace, objects, dryRun, world);
  for (const line of applied) terminal.line(`  ${terminal.paint.dim(line)}`);
  for (const note of await forgotten(kubectl, wish, source, objects, world)) {
    terminal.line(`  ${terminal.paint.warn("!!")}  ${note}`);
  }
  if (dryRun) {
    for (const key of Object.keys(tools.system ? tools.data : {})) {
      terminal.line(`  ${terminal.paint.dim(`tools ${key}, to the gateway`)}`);
    }
    return 0;
  }
  return await finish(wish, { kubectl, source, system, tools }, world);
}

interface Applied {
  readonly kubectl: readonly string[];
  readonly source: Source;
  readonly system: System;
  readonly tools: Tools;
}

async function finish(wish: DeployWish, applied: Applied, world: Hands): Promise<number> {
  const { kubectl, source, system, tools } = applied;
  const { terminal } = world;
  const { end, actors } = await untilReady(
    kubectl,
    actorsOf(source, wish.namespace),
    wish.waitMs,
    world,
  );
  const rest = actors.filter(({ ready }) => !ready);
  if (end === "interrupted") {
    terminal.line("stopped waiting; the cluster goes on with what was applied");
    for (const { name, text } of rest) terminal.line(`  ${name}: ${text}`);
    const asya = `${kubectl.join(" ")} -n ${wish.namespace} get asya --watch`;
    terminal.line(`next\n  ${asya}`);
    return INTERRUPTED;
  }
  if (end !== "ready") {
    const names = rest.map(({ actor }) => actor);
    for (const line of await lastLines(kubectl, names, world)) terminal.line(line);
    const why = rest.map(({ name, text }) => `  ${name}: ${text}`).join("\n");
    const after = end === "timeout" ? ` after ${Math.round(wish.waitMs / 1_000)} s` : "";
    const { namespace, name } = names[0]!;
    throw new FolderError(
      `not ready${after}:\n${why}`,
      `mend the folder and deploy it again; ${kubectl.join(" ")} -n ${namespace} ` +
        `describe asya ${name} tells more`,
    );
  }
  if (tools.system !== undefined) {
    const seen = await applyTools(kubectl, tools.system, tools.owner, tools.data, world);
    const n = source.toolNames.length;
    const offers = `the gateway offers ${n} tool${n === 1 ? "" : "s"} of this folder`;
    terminal.line(
      seen
        ? `  ${terminal.paint.good("ok")}  ${offers}`
        : `  ${terminal.paint.warn("!!")}  the gateway does not have the tools yet; it takes ` +
          "them as soon as it sees them",
    );
  }
  for (const line of nextLines(source, wish, system)) terminal.line(line);
  return 0;
}

/**
 * Takes off the cluster what {@linkcode deployFolder} put there: actors, ConfigMaps, Secrets, tools.
 * Queues go with their actors as those say; objects of other kinds stay, and are named.
 *
 * @throws ManifestError, LocalError, FolderError, ToolError
 */
export async function undeployFolder(wish: FolderWish, world: Hands): Promise<number> {
  const { run, terminal, interrupted: signal } = world;
  const kubectl = kubectlOf(wish);
  const source = await readSource(wish.dir);
  const system = await findSystem(kubectl, wish.namespace, wish.system, world);
  const without = { ...source, tools: [] };
  const tools = await planTools(without, wish.namespace, system);
  if (tools.system) await applyTools(kubectl, tools.system, tools.owner, {}, world);
  const objects = await labelledObjects(kubectl, wish.namespace, source.name, world);
  if (objects.length === 0) terminal.line(`nothing of ${source.name} is in ${wish.namespace}`);
  for (const object of objects) {
    const command = [...kubectl, "-n", wish.namespace, "delete", object, "--ignore-not-found"];
    const { code, out, err } = await run(command, { timeoutMs: 120_000, signal });
    if (code !== 0) throw new FolderError(`${object} cannot be deleted: ${err.trim()}`);
    terminal.line(`  ${out.trim()}`);
  }
  const kinds = ["AsyncActor", "ConfigMap", "Secret"];
  for (const object of source.objects.filter(({ kind }) => !kinds.includes(kind))) {
    terminal.line(`  ${printedName(object)} stays`);
  }
  return 0;
}
