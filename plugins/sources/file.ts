/**
 * A module in a file, on any mount. It is looked at again and again, because watchers see nothing
 * of a network's file system, and of a ConfigMap only a link that is swapped.
 */

import { sha256 } from "../digest.ts";
import { fileURLToPath } from "node:url";
import { checkDigest, readAll, tooLarge, unpack } from "./bytes.ts";
import { aborted, pause } from "../pause.ts";
import { type ModuleSource, type ModuleVersion, SourceError } from "./source.ts";

/** How to read a file. */
export interface FileSourceOptions {
  /** Digest that the module must have, in hex. */
  readonly pin: string | undefined;
  /** Largest file and largest module in it, in bytes. */
  readonly maxBytes: number;
  /** Time between two looks, in milliseconds. */
  readonly refreshMs: number;
}

/** What tells two states of a file apart, without reading it. */
function stampOf({ dev, ino, size, mtime, ctime }: Deno.FileInfo): string {
  return [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join(" ");
}

/** The stamp of what a path leads to, or why there is none. */
async function look(path: string): Promise<string> {
  try {
    return stampOf(await Deno.stat(path));
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

/** The path in a `file:` URL. @throws SourceError `bad_reference` */
export function pathOf(reference: string): string {
  if (!/^file:/i.test(reference)) return reference;
  try {
    return fileURLToPath(reference);
  } catch (cause) {
    const message = `${reference}: not the URL of a file here, like file:///dir/plugin.wasm`;
    throw new SourceError("bad_reference", message, { cause });
  }
}

/** A file, or what a link leads to. */
export class FileSource implements ModuleSource {
  readonly mutable: boolean;
  /** Stamp of what `read` saw last. */
  #seen: string | undefined;

  /** `path`: absolute or relative. */
  constructor(private readonly path: string, private readonly options: FileSourceOptions) {
    this.mutable = options.pin === undefined;
  }

  async read(signal: AbortSignal): Promise<ModuleVersion> {
    const { path, options: { maxBytes, pin } } = this;
    signal.throwIfAborted();
    this.#seen = await look(path);
    const bytes = await unpack(await this.#readFile(), maxBytes, path);
    const digest = await sha256(bytes);
    checkDigest(digest, pin, path);
    signal.throwIfAborted();
    return { bytes, digest, from: path };
  }

  async changed(signal: AbortSignal): Promise<boolean> {
    if (!this.mutable) return await aborted(signal);
    let before: string | undefined;
    while (await pause(this.options.refreshMs, signal)) {
      const now = await look(this.path);
      // Twice the same: nobody is writing it just now. The front part of a module may be valid.
      if (now === before && now !== this.#seen) return true;
      before = now;
    }
    return false;
  }

  async #readFile(): Promise<Uint8Array<ArrayBuffer>> {
    const { path, options: { maxBytes } } = this;
    try {
      const info = await Deno.stat(path);
      // Before it is opened: opening a pipe may wait for ever.
      if (!info.isFile) throw new SourceError("bad_reference", `${path}: it is not a file`);
      if (info.size > maxBytes) throw tooLarge(path, maxBytes);
      using file = await Deno.open(path);
      this.#seen = stampOf(await file.stat());
      return await readAll(file.readable, maxBytes, path);
    } catch (error) {
      if (error instanceof SourceError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      const gone = error instanceof Deno.errors.NotFound;
      if (!gone) this.#seen = undefined; // worth another try without a change
      const code = gone ? "not_found" : "unreachable";
      const message = gone ? "there is no such file; is its volume mounted?" : why;
      throw new SourceError(code, `${path}: ${message}`, { cause: error });
    }
  }
}
