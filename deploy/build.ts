/** `deno task build`: the images, by whichever builder is there. */

import { join } from "node:path";
import {
  buildCommand,
  type Builder,
  namedBuilder,
  type Probed,
  PROBES,
  pushCommand,
  sizeCommand,
  sizeText,
  workingBuilder,
} from "./builder.ts";
import { type Command, DeployError, UsageError, type World } from "./command.ts";
import {
  defaultTag,
  type ImageName,
  imageReference,
  IMAGES,
  ROOT,
  sourceAddress,
} from "./images.ts";
import { outputOf, type Run, ToolError } from "./tool.ts";

const PROBE_MS = 15_000;

/** A cold machine downloads everything. */
const BUILD_MS = 30 * 60_000;

/** Lines of a failed builder's output that are shown. */
const SHOWN_LINES = 30;

async function probe(run: Run, command: readonly string[]): Promise<string | undefined> {
  try {
    const { code, out, err } = await run(command, { timeoutMs: PROBE_MS });
    if (code === 0) return undefined;
    return (err.trim() || out.trim()).split("\n").at(-1) ?? `exit code ${code}`;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return error.code === "missing" ? "is not installed" : error.message;
  }
}

/**
 * The builder that was named, or the first one that works.
 *
 * @throws BuilderError when there is none
 */
export async function findBuilder(
  run: Run,
  asked: string | undefined,
): Promise<Builder> {
  const named = namedBuilder(asked);
  if (named !== undefined) return named;
  const probes = Object.entries(PROBES);
  const found = await Promise.all(probes.map(([, command]) => probe(run, command)));
  const probed: Probed = Object.fromEntries(probes.map(([name], n) => [name, found[n]]));
  return workingBuilder(probed);
}

/** What to build. */
export interface BuildWish {
  readonly images: readonly ImageName[];
  readonly registry?: string | undefined;
  readonly tag: string;
  readonly push: boolean;
}

async function runStep(command: readonly string[], { run, interrupted }: World): Promise<void> {
  let tail = "";
  const onOutput = (text: string) => tail = (tail + text).slice(-100_000);
  const options = { timeoutMs: BUILD_MS, signal: interrupted, onOutput };
  const { code } = await run(command, options);
  if (code === 0) return;
  const said = tail.trim().split("\n").slice(-SHOWN_LINES).join("\n");
  throw new DeployError(`${said}\n${command.join(" ")} ended with ${code}`);
}

async function sizeOf(builder: Builder, name: string, run: Run): Promise<string> {
  const command = sizeCommand(builder, name);
  return command === undefined ? "" : sizeText(await outputOf(run, command));
}

/**
 * Builds images, and pushes them where that is wished.
 *
 * @throws DeployError with the end of the builder's output
 */
export async function buildImages(
  builder: Builder,
  { images, registry, tag, push }: BuildWish,
  world: World,
): Promise<void> {
  const { terminal, run } = world;
  const source = await sourceAddress();
  for (const image of images) {
    const name = imageReference(image, { registry, tag });
    const began = performance.now();
    terminal.block([`  ..  ${name}`]);
    const dockerfile = join(ROOT, "images", `${image}.Dockerfile`);
    const wanted = { name, context: ROOT, dockerfile, version: tag, source };
    await runStep(buildCommand(builder, wanted), world);
    const upload = push ? pushCommand(builder, name) : undefined;
    if (upload !== undefined) await runStep(upload, world);
    const size = await sizeOf(builder, name, run);
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    const what = [size, `${seconds} s`, ...upload ? ["pushed"] : []].filter(Boolean).join(", ");
    terminal.block([`  ${terminal.paint.good("ok")}  ${name}  ${what}`]);
    terminal.endBlock();
  }
}

function imagesOf(only: readonly string[]): readonly ImageName[] {
  const wrong = only.find((name) => !(IMAGES as readonly string[]).includes(name));
  if (wrong !== undefined) {
    throw new UsageError(`--only ${wrong}: there are the images ${IMAGES.join(", ")}`);
  }
  return only.length === 0 ? IMAGES : only as readonly ImageName[];
}

/** The command. */
export const build: Command = {
  name: "build",
  summary: "build the images of sidecar (and crew), gateway and operator",
  examples: [
    ["", "all of them, by docker, podman or buildah, whichever works"],
    ["--only sidecar --tag dev", "one of them"],
    ["--registry registry.example.com/asya --push", "under the names of a registry, and there"],
  ],
  options: {
    only: { value: "IMAGE", many: true, help: `${IMAGES.join(", ")} (default: all)` },
    tag: { value: "TAG", help: "default: the version of the chart" },
    registry: { value: "REGISTRY", help: "before the names, e.g. registry.example.com/asya" },
    push: { help: "push them to the registry" },
    with: {
      value: "BUILDER",
      help: "docker, podman, buildah, or a command that is called as COMMAND FOLDER -f FILE " +
        "-t NAME --build-arg VERSION=TAG (default: $ASYA_IMAGE_BUILDER, or what works)",
    },
  },
  async run(input, world) {
    if (input.positionals.length > 0) throw new UsageError("build takes no arguments but options");
    const registry = input.text("registry");
    if (input.has("push") && registry === undefined) {
      throw new UsageError("--push needs to know where to: give --registry");
    }
    const images = imagesOf(input.texts("only"));
    const asked = input.text("with") ?? world.env["ASYA_IMAGE_BUILDER"];
    const builder = await findBuilder(world.run, asked);
    const tag = input.text("tag") ?? await defaultTag();
    world.terminal.line(`building with ${builder.command.join(" ")}`);
    await buildImages(builder, { images, registry, tag, push: input.has("push") }, world);
    return 0;
  },
};
