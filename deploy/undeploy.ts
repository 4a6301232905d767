/** `deno task undeploy`: takes the system off a cluster; queues, data and actors stay unless told. */

import { type Command, DeployError, UsageError, type World } from "./command.ts";
import { NAMESPACE } from "./deploy.ts";
import { operatorsOf } from "./facts.ts";
import { type Target, targetOf } from "./target.ts";
import { outputOf, ToolError } from "./tool.ts";

const UNINSTALL_MS = 6 * 60_000;

/** What may be left in the namespace, and whose loss is a loss of data. */
const DATA = ["persistentvolumeclaims", "secrets"] as const;

/** An AsyncActor. */
interface Actor {
  readonly namespace: string;
  readonly name: string;
}

/** All actors of the cluster; none where there is no such kind. */
async function actors({ kubectl }: Target, { run }: World): Promise<Actor[]> {
  const path = "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{'\\n'}{end}";
  const command = [...kubectl, "get", "asyncactors.asya.sh", "--all-namespaces", "-o", path];
  const { code, out, err } = await run(command);
  if (code !== 0 && /doesn't have a resource type/.test(err)) return [];
  if (code !== 0) throw new ToolError("failed", err.trim());
  return out.split("\n").filter((line) => line !== "").map((line) => {
    const [namespace, name] = line.split(" ");
    return { namespace: namespace!, name: name! };
  });
}

/** Namespaces that the release's operator looks after; undefined: it has none. */
async function watched({ kubectl, release }: Target, { run }: World) {
  const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=operator`;
  const command = [...kubectl, "get", "configmaps", "-l", selector, "-o", "json"];
  const [operator] = operatorsOf(JSON.parse(await outputOf(run, command)).items);
  return operator?.watches;
}

function actorKey({ namespace, name }: Actor): string {
  return `${namespace}/${name}`;
}

/** The actors of one operator; `undefined` watches nothing, an empty list everything. */
export function actorsOf(
  all: readonly Actor[],
  watches: readonly string[] | undefined,
): readonly Actor[] {
  if (watches === undefined) return [];
  return all.filter(({ namespace }) => watches.length === 0 || watches.includes(namespace));
}

async function left({ kubectl, release }: Target, { run }: World): Promise<string[]> {
  const kinds = DATA.join(",");
  const selector = `app.kubernetes.io/instance=${release}`;
  const said = await outputOf(run, [...kubectl, "get", kinds, "-l", selector, "-o", "name"]);
  return said.split("\n").filter((line) => line !== "");
}

async function installed({ helm, release }: Target, { run }: World): Promise<boolean> {
  const { code, err } = await run([...helm, "status", release]);
  if (code === 0) return true;
  if (/not found/.test(err)) return false;
  throw new ToolError("failed", err.trim());
}

/** While there is an operator that can see them off. */
async function deleteActors(found: readonly Actor[], target: Target, world: World): Promise<void> {
  const kubectl = target.kubectl.slice(0, -2); // without its namespace
  const options = { timeoutMs: 130_000, signal: world.interrupted };
  for (const { namespace, name } of found) {
    const command = [...kubectl, "-n", namespace, "delete", "asyncactor", name, "--timeout=120s"];
    await outputOf(world.run, command, options);
    world.terminal.line(`  deleted actor ${name} in namespace ${namespace}`);
  }
}

async function deleteData(target: Target, world: World): Promise<void> {
  const { run, terminal } = world;
  const { kubectl, release } = target;
  const options = { timeoutMs: 180_000, signal: world.interrupted };
  const step = async (command: readonly string[]) => {
    const said = await outputOf(run, command, options);
    for (const line of said.trim().split("\n")) terminal.line(`  ${line}`);
  };
  const selector = `app.kubernetes.io/instance=${release}`;
  await step([...kubectl, "delete", DATA.join(","), "-l", selector]);
  const others = await actors(target, world);
  if (others.length === 0) {
    await step([...kubectl, "delete", "crd", "asyncactors.asya.sh", "--ignore-not-found"]);
  } else {
    terminal.line(`  the kind AsyncActor stays: ${others.length} actors of others are of it`);
  }
}

/** What is left, and how it goes too. */
export function leftLines(
  objects: readonly string[],
  found: readonly Actor[],
  namespace: string,
): string[] {
  return [
    "left where they are",
    "  queues and their messages, unless the broker went with the release",
    "  the kind AsyncActor (CRD asyncactors.asya.sh)",
    ...found.map(({ namespace, name }) => `  actor ${name} in namespace ${namespace}`),
    ...objects.map((object) => `  ${object} in namespace ${namespace}`),
    "",
    "`deno task deploy` finds them again; `deno task undeploy --delete-data` deletes them",
  ];
}

/** The command. */
export const undeploy: Command = {
  name: "undeploy",
  summary: "take the system off a cluster; queues, data and your actors stay",
  examples: [
    ["", "from the current context"],
    ["--delete-data --yes", "with all actors, volumes, passwords and the CRD"],
  ],
  options: {
    namespace: { value: "NAME", help: `default: ${NAMESPACE}` },
    context: { value: "NAME", help: "of the kubeconfig (default: the current one)" },
    "delete-data": { help: "delete actors, volumes, passwords and the CRD too: all is LOST" },
    yes: { help: "do not ask" },
  },
  async run(input, world) {
    if (input.positionals.length > 0) throw new UsageError("undeploy takes options only");
    const target = targetOf(input.text("namespace") ?? NAMESPACE, input.text("context"));
    const { run, terminal, interrupted: signal } = world;
    const destroys = input.has("delete-data");
    const context = (await outputOf(run, target.currentContext)).trim();
    const there = await installed(target, world);
    const found = actorsOf(await actors(target, world), await watched(target, world));
    if (!input.has("yes")) {
      const what = destroys ? ` and DELETE ${found.length} actors and all data` : "";
      const question =
        `Take ${target.release} off ${context}, namespace ${target.namespace}${what}?`;
      if (world.confirm === undefined) {
        throw new DeployError("there is nobody to ask whether this is meant", "add --yes");
      }
      if (!world.confirm(question)) {
        terminal.line("nothing was changed");
        return 1;
      }
    }
    if (destroys) await deleteActors(found, target, world);
    if (there) {
      const uninstall = [...target.helm, "uninstall", target.release, "--wait", "--timeout", "5m"];
      await outputOf(run, uninstall, { timeoutMs: UNINSTALL_MS, signal });
      terminal.line(`  release ${target.release} is gone`);
    } else {
      terminal.line(`  release ${target.release} was not there`);
    }
    if (destroys) {
      await deleteData(target, world);
      return 0;
    }
    const now = new Set((await actors(target, world)).map(actorKey));
    const stay = found.filter((actor) => now.has(actorKey(actor))); // the crew went with the release
    for (const line of leftLines(await left(target, world), stay, target.namespace)) {
      terminal.line(line);
    }
    return 0;
  },
};
