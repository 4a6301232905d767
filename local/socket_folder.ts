/** Folders for the sockets of handlers: short, because a socket's path holds 104 to 108 bytes, and ours alone. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { LocalError } from "./error.ts";

/** macOS has 104 bytes with the closing zero; the longest name in the folder is `asya-runtime.sock`. */
const LONGEST_FOLDER = 103 - "/asya-runtime.sock".length;

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** The root of all socket folders of one project folder; the same each time. */
export function socketRoot(dir: string, env: Readonly<Record<string, string>>): string {
  const parent = env["XDG_RUNTIME_DIR"] || "/tmp";
  return join(parent, `asya-${Deno.uid() ?? 0}-${hash(dir)}`);
}

/** The folder of one actor under the root; a long name is cut and made unique by its hash. */
export function socketFolder(root: string, actor: string): string {
  const room = LONGEST_FOLDER - root.length - 1;
  const name = actor.length <= room
    ? actor
    : `${actor.slice(0, Math.max(0, room - 9))}-${hash(actor)}`;
  return join(root, name);
}

/**
 * Makes the root, readable by this user only.
 *
 * @throws LocalError `unsafe_folder` when somebody else made it
 */
export async function makeSocketRoot(root: string): Promise<void> {
  try {
    await Deno.mkdir(root, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const { isDirectory, uid, mode } = await Deno.lstat(root);
  if (!isDirectory || uid !== Deno.uid() || ((mode ?? 0) & 0o077) !== 0) {
    const message = `${root} is not ours alone: remove it, or set XDG_RUNTIME_DIR to a folder ` +
      "that only you can write to";
    throw new LocalError("unsafe_folder", message);
  }
}
