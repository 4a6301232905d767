/** Which program builds images here, and the command lines that it is given. */

/** What builds images. */
export interface Builder {
  readonly kind: "docker" | "podman" | "buildah" | "command";
  /** Its command line, before the arguments. */
  readonly command: readonly string[];
}

/** The builders that are looked for, best first, each with a command that succeeds where it works. */
export const PROBES: Readonly<Record<string, readonly string[]>> = {
  docker: ["docker", "info"],
  podman: ["podman", "info"],
  buildah: ["buildah", "info"],
};

/** There is nothing to build images with. */
export class BuilderError extends Error {
  override readonly name = "BuilderError";
  readonly code = "no_builder";
}

/** What looking for a builder showed: why it cannot be used, or nothing where it can. */
export type Probed = Readonly<Record<string, string | undefined>>;

function known(name: string): Builder | undefined {
  return Object.hasOwn(PROBES, name) ? { kind: name, command: [name] } as Builder : undefined;
}

function own(command: string): Builder {
  const words = command.trim().split(/\s+/);
  return { kind: "command", command: words };
}

/** The builder that the user named, by option or by `ASYA_IMAGE_BUILDER`; undefined: none was. */
export function namedBuilder(asked: string | undefined): Builder | undefined {
  return asked?.trim() ? known(asked.trim()) ?? own(asked) : undefined;
}

/**
 * The first builder that works.
 *
 * @param probed by name, in the order of {@linkcode PROBES}
 * @throws BuilderError that says what each lacks, and what to do
 */
export function workingBuilder(probed: Probed): Builder {
  const found = Object.keys(PROBES).find((name) => name in probed && probed[name] === undefined);
  if (found !== undefined) return known(found)!;
  const lines = Object.entries(probed).map(([name, why]) => `  ${name}: ${why}`);
  throw new BuilderError(
    [
      "nothing here builds images:",
      ...lines,
      "start Docker, or install one: apt-get install podman (no daemon is needed),",
      "or name a command: ASYA_IMAGE_BUILDER='COMMAND', called as COMMAND FOLDER -f FILE -t NAME",
    ].join("\n"),
  );
}

/** One image to be built. */
export interface ImageBuild {
  /** With registry and tag. */
  readonly name: string;
  /** Folder that is sent to the builder. */
  readonly context: string;
  readonly dockerfile: string;
  /** `org.opencontainers.image.version`. */
  readonly version: string;
  /** `org.opencontainers.image.source`; undefined: the image has no such label. */
  readonly source?: string | undefined;
}

/** The command that builds an image. */
export function buildCommand({ kind, command }: Builder, image: ImageBuild): readonly string[] {
  const { name, context, dockerfile, version, source } = image;
  const verb = kind === "command" ? [] : ["build"];
  const label = source === undefined ? [] : [
    "--label",
    `org.opencontainers.image.source=${source}`,
  ];
  const args = ["-f", dockerfile, "-t", name, "--build-arg", `VERSION=${version}`, ...label];
  // buildah wants the folder last, docker and podman take it anywhere.
  return kind === "command"
    ? [...command, context, ...args]
    : [...command, ...verb, ...args, context];
}

/** The command that pushes an image; undefined for a command of the user's, whose own affair it is. */
export function pushCommand({ kind, command }: Builder, name: string): string[] | undefined {
  return kind === "command" ? undefined : [...command, "push", name];
}

/** The command that prints an image's size, in bytes or as a text; undefined where there is none. */
export function sizeCommand({ kind, command }: Builder, name: string): string[] | undefined {
  if (kind === "command") return undefined;
  if (kind === "buildah") return [...command, "images", "--format", "{{.Size}}", name];
  return [...command, "image", "inspect", "--format", "{{.Size}}", name];
}

/** A size as people read it. */
export function sizeText(printed: string): string {
  const text = printed.trim().split("\n")[0] ?? "";
  return /^\d+$/.test(text) ? `${Math.round(Number(text) / 1e6)} MB` : text;
}
