/** Makes the source that a reference names. */

import type { Logger } from "@asya/telemetry";
import { ModuleCache } from "./cache.ts";
import { FileSource, pathOf } from "./file.ts";
import { OciSource } from "./oci/source.ts";
import { type ModuleSource, SourceError } from "./source.ts";
import { WebSource } from "./web.ts";

/** Time between two looks at a file, in milliseconds; a change is seen by two of them. */
const FILE_REFRESH_MS = 1_000;

/** Time between two looks at a server, in milliseconds. */
const REMOTE_REFRESH_MS = 5 * 60_000;

/** Longest time for reading a module from a server, in milliseconds. */
const TIMEOUT_MS = 2 * 60_000;

/** How to read a module. */
export interface ModuleSourceOptions {
  /** Largest module, in bytes; also of a compressed file. */
  readonly maxBytes: number;
  /** SHA-256 that the (decompressed) module must have: hex, with or without `sha256:`. It pins. */
  readonly sha256?: string | undefined;
  /** Folder that keeps what was fetched; absent: nothing is kept. */
  readonly cacheDir?: string | undefined;
  /** Time between two looks for changes, in milliseconds. Default: file 1 s, others 5 min. */
  readonly refreshMs?: number | undefined;
  /** Longest time for one read from a server, in milliseconds. Default: 2 min. */
  readonly timeoutMs?: number | undefined;
  /** File in the form of Docker's `config.json`, such as a mounted pull secret. */
  readonly pullSecret?: string | undefined;
  /** Speak HTTP without TLS to a registry on this machine. */
  readonly plainHttp?: boolean | undefined;
  /** Told when a cached version stands in for one that cannot be reached. */
  readonly log: Logger;
}

/**
 * The source for a path, a `file:` or `https:` URL, or `oci://registry/repo[:tag][@sha256:...]`.
 * Nothing is read yet.
 *
 * @throws SourceError `bad_reference`
 *
 * @example
 * ```ts
 * import { moduleSource } from "@asya/plugins";
 * import { createLogger } from "@asya/telemetry";
 * const log = createLogger({ level: "warn" });
 * const source = moduleSource("oci://registry.example/team/redactor:1", { maxBytes: 2 ** 20, log });
 * if (!source.mutable) throw new Error("a tag can be moved");
 * ```
 */
export function moduleSource(reference: string, options: ModuleSourceOptions): ModuleSource {
  const { maxBytes, cacheDir, refreshMs, log, timeoutMs = TIMEOUT_MS } = options;
  const pin = options.sha256 === undefined ? undefined : digestOf(options.sha256);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(reference)?.[1]?.toLowerCase();
  if (scheme === undefined || scheme === "file") {
    const path = pathOf(reference);
    return new FileSource(path, { pin, maxBytes, refreshMs: refreshMs ?? FILE_REFRESH_MS });
  }
  const remote = {
    pin,
    maxBytes,
    refreshMs: refreshMs ?? REMOTE_REFRESH_MS,
    timeoutMs,
    cache: cacheDir === undefined ? undefined : new ModuleCache(cacheDir, log),
    log,
  };
  if (scheme === "https" || scheme === "http") return new WebSource(reference, remote);
  if (scheme === "oci") {
    const { pullSecret, plainHttp = false } = options;
    return new OciSource(reference, { ...remote, pullSecret, plainHttp });
  }
  const message = `a module is a path or begins with file:, https: or oci:, not with ${scheme}:`;
  throw new SourceError("bad_reference", message);
}

function digestOf(text: string): string {
  const digest = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(text)?.[1];
  if (digest !== undefined) return digest.toLowerCase();
  const message = `${JSON.stringify(text.slice(0, 100))} is not a SHA-256: 64 hex digits are`;
  throw new SourceError("bad_reference", message);
}
