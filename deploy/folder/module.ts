/** A WASM module of a folder: built as `dev` builds it, packed for a ConfigMap. */

import { dirname, resolve } from "node:path";
import { type AsyncActor, type Located } from "@asya/manifest";
import { buildHandler, isHandlerSource, sha256 } from "@asya/plugins";
import { shownPath } from "@asya/local";
import { FolderError } from "./error.ts";
import { CONFIG_MAP_BYTES } from "./object.ts";
import { sizeText } from "./config_map.ts";

/** A module. */
export interface Module {
  /** By gzip. The sidecar unpacks it. */
  readonly packed: Uint8Array;
  /** Of the module itself, in hex. */
  readonly sha256: string;
}

/** The absolute path of the module or source that an actor names; undefined: it names none. */
export function moduleFile({ file, value: actor }: Located<AsyncActor>): string | undefined {
  const path = actor.spec.handler?.wasm?.module.file;
  return path === undefined ? undefined : resolve(dirname(resolve(file)), path);
}

async function bytesOf(file: string, cacheDir: string): Promise<Uint8Array<ArrayBuffer>> {
  if (isHandlerSource(file)) return await buildHandler(file, cacheDir);
  const bytes = await Deno.readFile(file);
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!gzipped) return bytes;
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(plain).bytes();
}

/**
 * Reads or builds a module.
 *
 * @param actor its name, for messages
 * @param file absolute
 * @param cacheDir keeps what takes long to build
 * @throws FolderError: it is not there, or too large for a ConfigMap; what the build of a source throws
 */
export async function readModule(actor: string, file: string, cacheDir: string): Promise<Module> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await bytesOf(file, cacheDir);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    const message = `the module of ${actor}, ${shownPath(file)}, is not there`;
    throw new FolderError(message, "mend spec.handler.wasm.module.file", { cause });
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  const packed = await new Response(stream).bytes();
  if (packed.length > CONFIG_MAP_BYTES) {
    throw new FolderError(
      `the module of ${actor} has ${sizeText(packed.length)} by gzip, and a ConfigMap takes ` +
        sizeText(CONFIG_MAP_BYTES),
      "publish it, and write module.image (an OCI artifact) or module.url with sha256",
    );
  }
  return { packed, sha256: await sha256(bytes) };
}
