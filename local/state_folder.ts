/**
 * `.asya/` inside the user's folder: the queue, results, materialised volumes, and the lock that
 * keeps a second `dev` out.
 */

import { join } from "node:path";
import { LocalError } from "./error.ts";

/** Where things are under a folder that `dev` runs. All paths absolute when `dir` is. */
export interface StatePaths {
  /** `.asya` itself. */
  readonly root: string;
  /** The queue and the gateway's store. */
  readonly database: string;
  /** One folder an end actor. */
  readonly results: string;
  /** Volumes of ConfigMaps and Secrets, one folder an actor. */
  readonly fs: string;
  /** Plugins built from source. */
  readonly builds: string;
}

/** The paths; nothing is created. */
export function statePaths(dir: string): StatePaths {
  const root = join(dir, ".asya");
  return {
    root,
    database: join(root, "asya.db"),
    results: join(root, "results"),
    fs: join(root, "fs"),
    builds: join(root, "builds"),
  };
}

/** What the holder of the lock tells others. */
export interface Running {
  /** Of the process. */
  readonly pid: number;
  /** Of the gateway. */
  readonly url: string;
}

/** The hold on a folder; given up by `release`, or by the system when this process ends. */
export interface Hold {
  /** Lets `asya call` and the like find the gateway. */
  announce(running: Running): Promise<void>;
  release(): Promise<void>;
}

async function create(root: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(root, { recursive: true });
    return await Deno.open(join(root, "lock"), { create: true, write: true });
  } catch (error) {
    const message = `cannot write to ${root}: make the folder writable, ` +
      "or copy the project to one that is";
    throw new LocalError("not_writable", message, { cause: error });
  }
}

/**
 * Takes the folder for this process.
 *
 * @throws LocalError `already_running` when another process has it, `not_writable`
 */
export async function holdFolder(dir: string): Promise<Hold> {
  const { root } = statePaths(dir);
  const lock = await create(root);
  if (!await lock.tryLock(true)) {
    lock.close();
    const other = await readRunning(dir);
    const who = other ? ` (process ${other.pid}, ${other.url})` : "";
    throw new LocalError(
      "already_running",
      `another dev already runs ${dir}${who}: stop it first, or work with that one`,
    );
  }
  const note = join(root, "dev.json");
  return {
    announce: (running) => Deno.writeTextFile(note, JSON.stringify(running) + "\n"),
    async release() {
      await Deno.remove(note).catch(unlessMissing);
      lock.close();
    },
  };
}

/** Who runs this folder now; undefined when nobody does. */
export async function findRunning(dir: string): Promise<Running | undefined> {
  const { root } = statePaths(dir);
  let lock: Deno.FsFile;
  try {
    lock = await Deno.open(join(root, "lock"), { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    // The note outlives a killed process; the lock does not.
    return await lock.tryLock(false) ? undefined : await readRunning(dir);
  } finally {
    lock.close();
  }
}

async function readRunning(dir: string): Promise<Running | undefined> {
  try {
    const { pid, url } = JSON.parse(
      await Deno.readTextFile(join(statePaths(dir).root, "dev.json")),
    );
    return typeof pid === "number" && typeof url === "string" ? { pid, url } : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** For `catch`: a thing that is not there needs no removing. */
export function unlessMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
