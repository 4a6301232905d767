/** Where a RabbitMQ for tests comes from: installed, else by `apt-get`, else Docker. */

import { aptInstall, noAptReason } from "./apt.ts";

/** RabbitMQ on this machine's disk. */
export interface InstalledRabbitmq {
  readonly kind: "installed";
  /** Its folder with `sbin/` and `plugins/`. */
  readonly home: string;
  /** E.g. `3.10.8`. */
  readonly version: string;
  /** The PATH on which its scripts find Erlang. */
  readonly path: string;
  /** The folder that is `/` to it; absent: ours. `home` and `path` are as seen from there. */
  readonly root?: string;
}

/** RabbitMQ in a container of a Docker daemon that answers. */
export interface DockerRabbitmq {
  readonly kind: "docker";
  readonly image: string;
}

/** A RabbitMQ that can be started. */
export type FoundRabbitmq = InstalledRabbitmq | DockerRabbitmq;

/** One way to a RabbitMQ; a text says why it leads nowhere. */
export type Way = () => Promise<FoundRabbitmq | string>;

const IMAGE = "rabbitmq:4-management";
const DOCKER_ANSWER_MS = 5_000;

const PLACES = [
  "/usr/lib/rabbitmq/bin",
  "/usr/sbin",
  "/opt/homebrew/opt/rabbitmq/sbin",
  "/opt/homebrew/sbin",
  "/usr/local/opt/rabbitmq/sbin",
  "/usr/local/sbin",
];
const ERLANG_PLACES = ["/opt/homebrew/opt/erlang/bin", "/usr/local/opt/erlang/bin"];

/** The folders that are searched for `rabbitmq-server`: of PATH, then where packages put it. */
export function places(path = Deno.env.get("PATH") ?? ""): string[] {
  return [...new Set([...path.split(":").filter(Boolean), ...PLACES])];
}

/** The ways that are tried, in this order. */
const WAYS: readonly Way[] = [() => installed(places()), byApt, byDocker];

/** Tries one way after the other; a text says in one sentence why there is none. */
export async function findRabbitmq(ways = WAYS): Promise<FoundRabbitmq | string> {
  const reasons: string[] = [];
  for (const way of ways) {
    const found = await way();
    if (typeof found !== "string") return found;
    reasons.push(found);
  }
  return `no RabbitMQ: ${reasons.join("; ")}`;
}

/** A usable installation in one of these folders. */
export async function installed(
  dirs: readonly string[],
  erlangPlaces: readonly string[] = ERLANG_PLACES,
  systemPlaces: readonly string[] = ["/usr/bin", "/bin"],
): Promise<InstalledRabbitmq | string> {
  let reason = "no rabbitmq-server is installed";
  const path = [...new Set([...dirs, ...erlangPlaces, ...systemPlaces])];
  for (const dir of dirs) {
    const server = await realPath(`${dir}/rabbitmq-server`);
    if (server === undefined) continue;
    const home = server.replace(/\/sbin\/[^/]*$/, "");
    const version = await versionAt(home);
    if (version === undefined) continue; // a wrapper; what it wraps is in another of the folders
    for (const program of ["erl", "epmd"]) {
      const there = await Promise.all(path.map((one) => realPath(`${one}/${program}`)));
      if (there.every((one) => one === undefined)) {
        return `RabbitMQ ${version} is installed but Erlang's ${program} is not on PATH`;
      }
    }
    return { kind: "installed", home, version, path: path.join(":") };
  }
  for (const dir of dirs) {
    if (await realPath(`${dir}/rabbitmq-server`) !== undefined) {
      reason = `${dir}/rabbitmq-server belongs to no installation (sbin/ beside plugins/rabbit-*)`;
      break;
    }
  }
  return reason;
}

async function byApt(): Promise<FoundRabbitmq | string> {
  const reason = await noAptReason();
  if (reason !== undefined) return reason;
  console.error("installing rabbitmq-server with apt-get, once");
  try {
    await aptInstall("rabbitmq-server");
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
  return await installed(places());
}

async function byDocker(): Promise<FoundRabbitmq | string> {
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

async function versionAt(home: string): Promise<string | undefined> {
  try {
    for await (const { name } of Deno.readDir(`${home}/plugins`)) {
      const version = /^rabbit-(\d[^/]*?)(?:\.ez)?$/.exec(name)?.[1];
      if (version !== undefined) return version;
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return undefined;
}

async function realPath(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (isMissing(error) || error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
