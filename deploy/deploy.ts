/** `deno task deploy`: looks at everything first, then installs or upgrades, waits, and proves it. */

import { parseDuration } from "@asya/envelope";
import { buildImages, findBuilder } from "./build.ts";
import type { Builder } from "./builder.ts";
import { type Command, DeployError, type Input, UsageError, type World } from "./command.ts";
import { gatherFacts } from "./facts.ts";
import { defaultTag, freshTag, IMAGES } from "./images.ts";
import {
  crdCommands,
  notesCommand,
  PROFILES,
  renderCommand,
  shellLine,
  smokeCommand,
  upgradeCommand,
  type Wish,
} from "./plan.ts";
import { type Check, type Facts, preflight } from "./preflight.ts";
import { reportLines } from "./report.ts";
import { helmTest, queueTest } from "./smoke.ts";
import { RELEASE, type Target, targetOf } from "./target.ts";
import { outputOf, ToolError } from "./tool.ts";
import { ReleaseWatch } from "./watch.ts";

/** Where the system goes unless the user says otherwise. */
export const NAMESPACE = "asya-system";

/** What Helm may take beyond its own limit, in milliseconds: taking back what failed. */
const HELM_EXTRA_MS = 5 * 60_000;

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

async function wishOf(input: Input): Promise<Wish> {
  const profile = input.text("profile") ?? "standard";
  if (!(PROFILES as readonly string[]).includes(profile)) {
    throw new UsageError(`--profile ${profile}: there are ${PROFILES.join(", ")}`);
  }
  const timeout = input.text("timeout") ?? "5m";
  timeoutMs(timeout);
  return {
    profile: profile as Wish["profile"],
    registry: input.text("registry"),
    tag: input.text("tag") ??
      (input.has("build") ? freshTag(await defaultTag(), new Date()) : undefined),
    values: input.texts("values"),
    set: input.texts("set"),
    timeout,
  };
}

function timeoutMs(text: string): number {
  try {
    return parseDuration(text);
  } catch (cause) {
    throw new UsageError(`--timeout ${text}: write 90s, 5m or 1h`, { cause });
  }
}

/** What of a deployment is decided before the cluster is looked at. */
interface Job {
  readonly target: Target;
  readonly wish: Wish;
  readonly builder: Builder | undefined;
}

/** What was found, and what it means. */
interface Looked {
  readonly facts: Facts;
  readonly checks: readonly Check[];
}

async function look({ target, wish, builder }: Job, { run }: World): Promise<Looked> {
  const render = (kubernetes: string) => renderCommand(target, wish, kubernetes);
  const facts = await gatherFacts(run, target, render);
  const checks = preflight(facts, {
    release: target.release,
    namespace: target.namespace,
    chart: RELEASE,
    imageArchitecture: builder && (ARCHITECTURES[Deno.build.arch] ?? Deno.build.arch),
  });
  return { facts, checks };
}

async function dryRun({ target, wish, builder }: Job, facts: Facts, { run, terminal }: World) {
  if (!("value" in facts.server)) return; // it is a problem of the report, then
  const { paint } = terminal;
  const steps = [
    ...builder ? IMAGES.map((image) => `build and push asya-${image}`) : [],
    ...[...crdCommands(target), upgradeCommand(target, wish), smokeCommand(target)].map(shellLine),
  ];
  terminal.line(paint.strong("\nwhat would be done"));
  for (const step of steps) terminal.line(`  ${step}`);
  terminal.line(paint.strong("\nthe objects that would be there"));
  terminal.line(await outputOf(run, renderCommand(target, wish, facts.server.value)));
}

/** @throws DeployError when there is nobody to ask */
function agreed(question: string, { confirm }: World): boolean {
  if (confirm !== undefined) return confirm(question);
  throw new DeployError("there is nobody to ask whether this is the right cluster", "add --yes");
}

async function install({ target, wish }: Job, world: World): Promise<void> {
  const { run, terminal, interrupted: signal } = world;
  for (const command of crdCommands(target)) await outputOf(run, command, { signal });
  const watch = new ReleaseWatch(target, world);
  const limit = timeoutMs(wish.timeout);
  try {
    const options = { signal, timeoutMs: limit + HELM_EXTRA_MS };
    await watch.during(outputOf(run, upgradeCommand(target, wish), options));
    await watch.untilReady(limit); // Helm does not wait for actors
  } catch (error) {
    if (!(error instanceof ToolError) && !(error instanceof DeployError)) throw error;
    for (const line of watch.whatIsWrong()) terminal.line(`  ${line}`);
    const next = `kubectl -n ${target.namespace} get pods,asya`;
    throw new DeployError(error.message, next, { cause: error });
  } finally {
    terminal.endBlock();
  }
}

async function smoke({ target }: Job, world: World): Promise<void> {
  const { run, terminal } = world;
  const began = performance.now();
  await helmTest(target, world);
  const gateway = `deployment/${target.release}-gateway`;
  const found = await outputOf(run, [
    ...[...target.kubectl, "get", gateway, "--ignore-not-found", "-o", "name"],
  ]);
  const seen = found.trim() === ""
    ? await queueTest(target, world)
    : "an envelope went by the gateway through an actor and back";
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  terminal.line(`  ${terminal.paint.good("ok")}  ${seen} (${seconds} s)`);
}

async function carryOut(job: Job, world: World): Promise<void> {
  const { target, wish, builder } = job;
  const { terminal, run } = world;
  const title = (text: string) => terminal.line(terminal.paint.strong(`\n${text}`));
  if (builder !== undefined) {
    title(`images, with ${builder.command.join(" ")}`);
    const { registry, tag = await defaultTag() } = wish;
    await buildImages(builder, { images: IMAGES, registry, tag, push: true }, world);
  }
  title(`${target.release} (${wish.profile}) in namespace ${target.namespace}`);
  await install(job, world);
  title("an envelope through the system");
  await smoke(job, world);
  terminal.line();
  terminal.line((await outputOf(run, notesCommand(target))).replace(/^NOTES:\n/, "").trimEnd());
}

/** The command. */
export const deploy: Command = {
  name: "deploy",
  summary: "put the system on a Kubernetes cluster, or bring it up to date",
  examples: [
    ["", "operator, gateway, crew, broker and database on the current context"],
    ["--profile minimal --yes", "operator, crew and broker, without asking"],
    ["--build --registry registry.example.com/asya", "from images that are built and pushed now"],
    [
      "--values my.yaml --set gateway.ingress.enabled=true",
      "with values of yours; see docs/chart.md",
    ],
    ["--dry-run", "what would be done, and the objects; nothing is changed"],
  ],
  options: {
    profile: { value: "NAME", help: `${PROFILES.join(", ")} (default: standard)` },
    namespace: { value: "NAME", help: `default: ${NAMESPACE}` },
    context: { value: "NAME", help: "of the kubeconfig (default: the current one)" },
    registry: { value: "REGISTRY", help: "of the images, e.g. registry.example.com/asya" },
    tag: {
      value: "TAG",
      help: "of the images (default: the chart's version, with the time after --build)",
    },
    build: { help: "build the images and push them to --registry first" },
    values: { value: "FILE", many: true, help: "values of the chart" },
    set: { value: "KEY=VALUE", many: true, help: "one value of the chart" },
    timeout: { value: "TIME", help: "for everything to be ready (default: 5m)" },
    "dry-run": { help: "look and print, change nothing" },
    yes: { help: "do not ask" },
  },
  async run(input, world) {
    if (input.positionals.length > 0) {
      throw new UsageError("deploy takes no folder; a folder of actors: deno task asya deploy DIR");
    }
    const wish = await wishOf(input);
    const target = targetOf(input.text("namespace") ?? NAMESPACE, input.text("context"));
    const asked = world.env["ASYA_IMAGE_BUILDER"];
    if (input.has("build") && wish.registry === undefined && !asked) {
      throw new UsageError("--build needs to know where images are pushed to: give --registry");
    }
    const builder = input.has("build") ? await findBuilder(world.run, asked) : undefined;
    const job = { target, wish, builder };
    const { terminal } = world;
    terminal.line(terminal.paint.strong("before anything is changed"));
    const { facts, checks } = await look(job, world);
    for (const line of reportLines(checks, terminal.paint)) terminal.line(line);
    const problems = checks.filter(({ state }) => state === "problem").length;
    if (problems > 0) {
      throw new DeployError(
        `${problems} problem${problems === 1 ? "" : "s"} to mend first; nothing was changed`,
      );
    }
    if (input.has("dry-run")) {
      await dryRun(job, facts, world);
      return 0;
    }
    const context = "value" in facts.context ? facts.context.value : "";
    const question =
      `\nDeploy profile ${wish.profile} to ${context}, namespace ${target.namespace}?`;
    if (!input.has("yes") && !agreed(question, world)) {
      terminal.line("nothing was changed");
      return 1;
    }
    await carryOut(job, world);
    return 0;
  },
};
