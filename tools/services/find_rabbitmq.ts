/** Where a RabbitMQ for tests comes from: installed, else by `apt-get`, else Docker. */

import { byApt, byDocker, firstOf, type InDocker, type Way } from "./find.ts";

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

/** A RabbitMQ that can be started. */
export type FoundRabbitmq = InstalledRabbitmq | InDocker;

const IMAGE = "rabbitmq:4-management";

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

const look = () => installed(places());

/** The ways that are tried, in this order. */
const WAYS: readonly Way<FoundRabbitmq>[] = [look, byApt("rabbitmq-server", look), byDocker(IMAGE)];

/** Tries one way after the other; a text says in one sentence why there is none. */
export function findRabbitmq(ways = WAYS): Promise<FoundRabbitmq | string> {
  return firstOf("RabbitMQ", ways);
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
