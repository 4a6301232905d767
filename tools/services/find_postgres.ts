/** Where a PostgreSQL for tests comes from: installed, else by `apt-get`, else Docker. */

import { byApt, byDocker, firstOf, type InDocker, type Way } from "./find.ts";

/** PostgreSQL on this machine's disk. */
export interface InstalledPostgres {
  readonly kind: "installed";
  /** The folder with `postgres` and `initdb`. */
  readonly bin: string;
}

/** A PostgreSQL that can be started. */
export type FoundPostgres = InstalledPostgres | InDocker;

const IMAGE = "postgres:17";
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

const look = async () => await installed(await places());

/** The ways that are tried, in this order. */
const WAYS: readonly Way<FoundPostgres>[] = [look, byApt("postgresql", look), byDocker(IMAGE)];

/** Tries one way after the other; a text says in one sentence why there is none. */
export function findPostgres(ways = WAYS): Promise<FoundPostgres | string> {
  return firstOf("PostgreSQL", ways);
}

/** The first of these folders that has a server in it. */
export async function installed(dirs: readonly string[]): Promise<InstalledPostgres | string> {
  for (const bin of dirs) {
    const there = await names(bin);
    if (there.includes("postgres") && there.includes("initdb")) return { kind: "installed", bin };
  }
  return "no PostgreSQL server is installed";
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
