/** Waits for the actors of a folder, showing how far they are; says what is wrong with those that do not come. */

import type { Hands } from "./hands.ts";
import { progressLines } from "../progress.ts";
import { outputOf, ToolError } from "../tool.ts";
import type { KubeObject } from "./object.ts";
import { type ActorName, type ActorState, actorState, isOnItsWay, logPlaces } from "./status.ts";

const EVERY_MS = 2_000;

/** Trouble that lasts so long does not go by itself, as that of two objects in the wrong order does. */
const STALLED_MS = 20_000;

/** An operator that stops looking at one object tells of the next soon: believed when seen twice. */
const READY_LOOKS = 2;

/** Looks that may fail one after the other: an API server has its moments. */
const MOST_FAILURES = 5;

const LOG_LINES = 12;
const MOST_LOGS = 5;

/** How the wait ended, and how the actors were then. */
export interface Waited {
  readonly end: "ready" | "stalled" | "timeout" | "interrupted";
  readonly actors: readonly ActorState[];
}

/** In each namespace the objects that a command line prints as JSON. */
async function listed(
  kubectl: readonly string[],
  actors: readonly ActorName[],
  { run }: Hands,
  args: (names: readonly string[]) => readonly string[],
): Promise<KubeObject[]> {
  const found: KubeObject[] = [];
  for (const [namespace, group] of Map.groupBy(actors, (actor) => actor.namespace)) {
    const what = args(group.map(({ name }) => name));
    const said = await outputOf(run, [...kubectl, "-n", namespace, "get", ...what, "-o", "json"]);
    if (said.trim() === "") continue; // what kubectl prints for no object that it was to ignore
    const json = JSON.parse(said) as KubeObject & { readonly items?: readonly KubeObject[] };
    found.push(...json.items ?? [json]);
  }
  return found;
}

function podsOf(kubectl: readonly string[], actors: readonly ActorName[], hands: Hands) {
  const selected = (names: readonly string[]) => `asya.sh/actor in (${names.join(",")})`;
  return listed(kubectl, actors, hands, (names) => ["pods", "-l", selected(names)]);
}

async function look(
  kubectl: readonly string[],
  actors: readonly ActorName[],
  hands: Hands,
): Promise<ActorState[]> {
  const objects = await listed(
    kubectl,
    actors,
    hands,
    (names) => ["asyncactors.asya.sh", ...names, "--ignore-not-found"],
  );
  return actors.map((actor) =>
    actorState(
      actor,
      objects.find(({ metadata: { name, namespace } }) =>
        name === actor.name && namespace === actor.namespace
      ),
    )
  );
}

/** An old pod's trouble says nothing while a new one is still being made. */
async function isHopeless(
  kubectl: readonly string[],
  waiting: readonly ActorState[],
  hands: Hands,
): Promise<boolean> {
  if (waiting.length === 0 || !waiting.every(({ stalled }) => stalled)) return false;
  const pods = await podsOf(kubectl, waiting.map(({ actor }) => actor), hands);
  return !pods.some(isOnItsWay);
}

class Wait {
  #states: ActorState[];
  #readyLooks = 0;
  #failures = 0;
  #stalledSince: number | undefined;

  constructor(
    readonly kubectl: readonly string[],
    readonly actors: readonly ActorName[],
    readonly hands: Hands,
  ) {
    this.#states = actors.map((actor) => actorState(actor, undefined));
  }

  get states(): readonly ActorState[] {
    return this.#states;
  }

  /** Looks once. @returns how it has ended, if it has */
  async look(now: number): Promise<"ready" | "stalled" | undefined> {
    const { kubectl, actors, hands } = this;
    try {
      this.#states = await look(kubectl, actors, hands);
      const waiting = this.#states.filter(({ ready }) => !ready);
      this.#readyLooks = waiting.length === 0 ? this.#readyLooks + 1 : 0;
      const hopeless = await isHopeless(kubectl, waiting, hands);
      this.#stalledSince = hopeless ? this.#stalledSince ?? now : undefined;
      this.#failures = 0;
    } catch (error) {
      // Ctrl-C reaches kubectl too.
      const bears = ++this.#failures < MOST_FAILURES || hands.interrupted.aborted;
      if (!(error instanceof ToolError) || !bears) throw error;
    }
    if (this.#readyLooks >= READY_LOOKS) return "ready";
    const stalled = this.#stalledSince !== undefined && now - this.#stalledSince >= STALLED_MS;
    return stalled ? "stalled" : undefined;
  }
}

/**
 * Waits until all are ready, or until it is clear that they will not be.
 *
 * @throws ToolError when kubectl keeps failing
 */
export async function untilReady(
  kubectl: readonly string[],
  actors: readonly ActorName[],
  limitMs: number,
  hands: Hands,
): Promise<Waited> {
  const { terminal, interrupted } = hands;
  const limit = performance.now() + limitMs;
  const wait = new Wait(kubectl, actors, hands);
  try {
    while (true) {
      const now = performance.now();
      const end = await wait.look(now);
      const { states } = wait;
      terminal.block(progressLines({ rows: states, troubles: [] }, terminal.paint));
      if (end !== undefined) return { end, actors: states };
      if (interrupted.aborted) return { end: "interrupted", actors: states };
      if (now >= limit) return { end: "timeout", actors: states };
      await pause(EVERY_MS, interrupted);
    }
  } finally {
    terminal.endBlock();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** The last lines of containers that keep these actors from being ready. */
export async function lastLines(
  kubectl: readonly string[],
  actors: readonly ActorName[],
  hands: Hands,
): Promise<string[]> {
  const pods = await podsOf(kubectl, actors, hands);
  const lines: string[] = [];
  for (const place of pods.flatMap(logPlaces).slice(0, MOST_LOGS)) {
    const { namespace, pod, container, previous } = place;
    const flags = [`--tail=${LOG_LINES}`, ...previous ? ["--previous"] : []];
    const { code, out } = await hands.run([
      ...[...kubectl, "-n", namespace, "logs", pod, "-c", container, ...flags],
    ]);
    if (code !== 0 || out.trim() === "") continue;
    lines.push(`last lines of ${pod}, container ${container}:`);
    lines.push(...out.trimEnd().split("\n").map((line) => `  ${line}`));
  }
  return lines;
}
