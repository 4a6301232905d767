/** The file `runtime-ready`, which a runtime writes beside its socket once it listens. */

import { join } from "node:path";

/** Bytes of it that are looked at. */
const MAX_BYTES = 4096;

/** An empty file younger than this is one that is being written. */
const WRITING_MS = 500;

const decoder = new TextDecoder();

/** Its name. */
export const READY_FILE = "runtime-ready";

/** The version that the runtime speaks; `undefined` while it is not ready. */
export async function readVersion(dir: string): Promise<1 | 2 | undefined> {
  const text = await readStart(join(dir, READY_FILE));
  return text === undefined ? undefined : versionOf(text);
}

/**
 * Tells the supervisor or the liveness probe that this runtime must be started again. At once, so
 * that nobody in this process finds the file gone while its handler still counts on the runtime.
 */
export function removeReadyFile(dir: string): void {
  try {
    Deno.removeSync(join(dir, READY_FILE));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function versionOf(text: string): 1 | 2 {
  try {
    return JSON.parse(text)?.protocol === 2 ? 2 : 1;
  } catch (error) {
    if (error instanceof SyntaxError) return 1;
    throw error;
  }
}

async function readStart(path: string): Promise<string | undefined> {
  try {
    using file = await Deno.open(path);
    const bytes = new Uint8Array(MAX_BYTES);
    const count = await file.read(bytes);
    if (count === null && await isYoung(file)) return undefined;
    return decoder.decode(bytes.subarray(0, count ?? 0));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function isYoung(file: Deno.FsFile): Promise<boolean> {
  const written = (await file.stat()).mtime?.getTime() ?? 0;
  return Math.abs(Date.now() - written) < WRITING_MS;
}
