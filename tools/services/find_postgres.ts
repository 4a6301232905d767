/** Where a PostgreSQL for tests comes from: installed, else by `apt-get`, else Docker. */

import { aptInstall, noAptReason } from "./apt.ts";

/** PostgreSQL on this machine's disk. */
export interface InstalledPostgres {
  readonly kind: "installed";
  /** The folder with `postgres` and `initdb`. */
  readonly bin: string;
}

/** PostgreSQL in a container of a Docker daemon that answers. */
export interface DockerPostgres {
  readonly kind: "docker";
  readonly image: string;
}

/** A PostgreSQL that can be started. */
export type FoundPostgres = InstalledPostgres | DockerPostgres;

/** One way to a PostgreSQL; a text says why it leads nowhere. */
export type Way = () => Promise<FoundPostgres | string>;

const IMAGE = "postgres:17";
const DOCKER_ANSWER_MS = 5_000;
/** Folders with a folder for each version. */
const VERSIONED = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];

/** The folders that are searched: of PATH, then where packages put it, newest version first. */
export async function places(
  path = Deno.env.get("PATH") ?? "",
  versioned: readonly string[] = VERSIONED,
): Promise<string[]> {
  const found: { version: number; bin: string }[] = [];
  for (const dir of versioned) {
    for (const name of await names(dir)) {
      const version = /^(?:postgresql@?)?(\d*)$/.exec(name)?.[1];
      if (version !== undefined) {
        found.push({ version: Number(version), bin: `${dir}/${name}/bin` });
      }
    }
  }
  found.sort((a, b) => b.version - a.version);
  return [...path.split(":").filter(Boolean), ...found.map(({ bin }) => bin)];
}

/** The ways that are tried, in this order. */
const WAYS: readonly Way[] = [async () => await installed(await places()), byApt, byDocker];

/** Tries one way after the other; a text says in one sentence why there is none. */
export async function findPostgres(ways = WAYS): Promise<FoundPostgres | string> {
  const reasons: string[] = [];
  for (const way of ways) {
    const found = await way();
    if (typeof found !== "string") return found;
    reasons.push(found);
  }
  return `no PostgreSQL: ${reasons.join("; ")}`;
}

/** The first of these folders that has a server in it. */
export async function installed(dirs: readonly string[]): Promise<InstalledPostgres | string> {
  for (const bin of dirs) {
    const there = await names(bin);
    if (there.includes("postgres") && there.includes("initdb")) return { kind: "installed", bin };
  }
  return "no PostgreSQL server is installed";
}

async function byApt(): Promise<FoundPostgres | string> {
  const reason = await noAptReason();
  if (reason !== undefined) return reason;
  console.error("installing postgresql with apt-get, once");
  try {
    await aptInstall("postgresql");
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
  return await installed(await places());
}

async function byDocker(): Promise<FoundPostgres | string> {
  try {
    const args = ["version", "--format", "{{.Server.Version}}"];
    const signal = AbortSignal.timeout(DOCKER_ANSWER_MS);
    const { success } = await new Deno.Command("docker", { args, stdin: "null", signal }).output();
    return success ? { kind: "docker", image: IMAGE } : "no Docker daemon answers";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "no Docker";
    throw error;
  }
}

/** What is in a folder; nothing where it cannot be read. */
async function names(dir: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
  } catch (error) {
    const none = [Deno.errors.NotFound, Deno.errors.NotADirectory, Deno.errors.PermissionDenied];
    if (none.some((kind) => error instanceof kind)) return [];
    throw error;
  }
}
