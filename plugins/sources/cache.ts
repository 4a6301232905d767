/**
 * A folder of what was fetched, so that a service can start while the place it comes from is away.
 *
 *     <sha256>.wasm   a module
 *     <sha256>.json   a manifest of a registry
 *     <sha256>.ref    what the reference of this digest stood for last: the digest of one of them
 *
 * Content is checked against its name whenever it is read. Several processes may share a folder.
 * No failure in here ends anything: what cannot be kept is fetched again, and the log says so.
 */

import { sha256 } from "../digest.ts";
import type { Logger } from "@asya/telemetry";
import { join } from "node:path";

/** What a file in the folder holds. */
export type CachedKind = "wasm" | "json";

/** How much is kept; the oldest goes first. */
export interface CacheBounds {
  /** Files of all kinds. */
  readonly maxFiles: number;
  /** All files together; the newest file is kept even where it has more. */
  readonly maxBytes: number;
}

const BOUNDS: CacheBounds = { maxFiles: 256, maxBytes: 512 * 2 ** 20 };

/** Files of ours: finished ones, and those that a process that died was writing. */
const OURS = /^([0-9a-f]{64}\.(wasm|json|ref)|\.[0-9a-f-]{36}\.part)$/;

/** A file being written is not touched until it is this old, in milliseconds. */
const ABANDONED_MS = 3_600_000;

const DIGEST = /^[0-9a-f]{64}$/;

/** A folder of modules and manifests. */
export class ModuleCache {
  /** `folder` is made when something is kept. */
  constructor(
    private readonly folder: string,
    private readonly log: Logger,
    private readonly bounds: CacheBounds = BOUNDS,
  ) {}

  /** The bytes of this digest; absent when they are not here, damaged, or more than `maxBytes`. */
  async get(
    digest: string,
    kind: CachedKind,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#path(digest, kind);
    const bytes = await this.#read(path, maxBytes);
    if (bytes === undefined) return undefined;
    if (await sha256(bytes) !== digest) {
      this.log.warn("a cached file is damaged and is fetched again", { path });
      return undefined;
    }
    await this.#try("a cached file cannot be marked as used", () => unlessGone(touch(path)));
    return bytes;
  }

  /** Keeps bytes under their digest, in place of what was there. */
  async put(digest: string, kind: CachedKind, bytes: Uint8Array): Promise<void> {
    await this.#write(this.#path(digest, kind), bytes);
  }

  /** Keeps what a reference stands for. */
  async remember(reference: string, digest: string): Promise<void> {
    await this.#write(await this.#refPath(reference), new TextEncoder().encode(digest));
  }

  /** What a reference stood for last. */
  async recall(reference: string): Promise<string | undefined> {
    const bytes = await this.#read(await this.#refPath(reference), 64);
    const digest = new TextDecoder().decode(bytes);
    return DIGEST.test(digest) ? digest : undefined;
  }

  #path(digest: string, kind: CachedKind): string {
    return join(this.folder, `${digest}.${kind}`);
  }

  async #refPath(reference: string): Promise<string> {
    const name = await sha256(new TextEncoder().encode(reference));
    return join(this.folder, `${name}.ref`);
  }

  async #read(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return await this.#try("a cached file cannot be read", async () => {
      const info = await unlessGone(Deno.stat(path));
      if (info === undefined || info.size > maxBytes) return undefined;
      return await unlessGone(Deno.readFile(path));
    });
  }

  /** Beside its place first, so that no reader ever sees a part of it. */
  async #write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#try("a file cannot be kept in the cache", async () => {
      await Deno.mkdir(this.folder, { recursive: true });
      const part = join(this.folder, `.${crypto.randomUUID()}.part`);
      try {
        await Deno.writeFile(part, bytes, { createNew: true });
        await Deno.rename(part, path);
      } catch (error) {
        await unlessGone(Deno.remove(part));
        throw error;
      }
      await this.#prune();
    });
  }

  async #prune(): Promise<void> {
    const files: { path: string; size: number; usedAt: number }[] = [];
    for await (const { name, isFile } of Deno.readDir(this.folder)) {
      if (!isFile || !OURS.test(name)) continue;
      const path = join(this.folder, name);
      const info = await unlessGone(Deno.stat(path));
      const usedAt = info?.mtime?.getTime() ?? 0;
      if (!info || name.endsWith(".part") && Date.now() - usedAt < ABANDONED_MS) continue;
      files.push({ path, size: info.size, usedAt });
    }
    files.sort((one, other) => other.usedAt - one.usedAt);
    let bytes = 0;
    for (const [at, { path, size }] of files.entries()) {
      bytes += size;
      const over = at >= this.bounds.maxFiles || bytes > this.bounds.maxBytes;
      if (over && at > 0) await unlessGone(Deno.remove(path));
    }
  }

  async #try<T>(failure: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      this.log.warn(failure, { folder: this.folder, error });
      return undefined;
    }
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await Deno.utime(path, now, now);
}

/** Absent where there is no file, because another process was faster. */
async function unlessGone<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
