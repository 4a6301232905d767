/**
 * ConfigMap and Secret volumes on a laptop: files under `.asya/fs/<actor>/<mountPath>`, and values
 * that name a mount path made to name that folder instead.
 */

import { dirname, join } from "node:path";
import type { Container, KeyedFiles, KeyToPath, Volume } from "@asya/manifest";

/** One mount of a container, as it is on this machine. */
export interface Mount {
  /** In the container, without a slash at the end. */
  readonly mountPath: string;
  /** Here. */
  readonly localPath: string;
  /** `ConfigMap hello-code` or `Secret keys`. */
  readonly source: string;
  /** Content by path, relative to `localPath`; the one entry `""` means that it is itself a file. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The mounts that could be made, and sentences about those that could not. */
export interface Mounts {
  readonly mounts: readonly Mount[];
  readonly notes: readonly string[];
}

/** Finds ConfigMaps and Secrets. */
export interface Keyed {
  configMap(name: string): KeyedFiles | undefined;
  secret(name: string): KeyedFiles | undefined;
}

function selected(
  files: ReadonlyMap<string, Uint8Array>,
  items?: readonly KeyToPath[],
): Map<string, Uint8Array> {
  if (!items) return new Map(files);
  return new Map(items.flatMap(({ key, path }) => {
    const bytes = files.get(key);
    return bytes && isInside(path) ? [[path, bytes]] : [];
  }));
}

/** Kubernetes refuses absolute paths and `..` here; so do we. */
function isInside(path: string): boolean {
  return !path.startsWith("/") && !path.split("/").includes("..");
}

function volumeFiles(volume: Volume, keyed: Keyed) {
  const kind = volume.configMap ? "ConfigMap" : "Secret";
  const name = volume.configMap?.name ?? volume.secret?.secretName;
  if (name === undefined) return undefined;
  const found = volume.configMap ? keyed.configMap(name) : keyed.secret(name);
  const items = (volume.configMap ?? volume.secret)?.items;
  return { source: `${kind} ${name}`, files: found && selected(found.files, items) };
}

/** What a container's mounts become under `root` (the actor's folder in `.asya/fs`). */
export function planMounts(
  container: Container | undefined,
  volumes: readonly Volume[],
  keyed: Keyed,
  root: string,
): Mounts {
  const mounts: Mount[] = [];
  const notes: string[] = [];
  for (const { name, mountPath, subPath } of container?.volumeMounts ?? []) {
    const volume = volumes.find((candidate) => candidate.name === name);
    const content = volume && volumeFiles(volume, keyed);
    const bare = mountPath.replace(/\/+$/, "");
    if (!content) {
      notes.push(
        `volume ${name} at ${mountPath} is left out: only ConfigMaps and Secrets work here`,
      );
      continue;
    }
    const { source } = content;
    if (!content.files) {
      notes.push(`volume ${name} at ${mountPath} is left out: ${source} is not in this folder`);
      continue;
    }
    if (!bare.startsWith("/") || !isInside(bare.slice(1))) {
      notes.push(`volume ${name} is left out: ${mountPath} is no absolute path of a folder`);
      continue;
    }
    const localPath = join(root, bare);
    const single = subPath === undefined ? undefined : content.files.get(subPath);
    const files = single ? new Map([["", single]]) : new Map(
      [...content.files].flatMap(([path, bytes]): [string, Uint8Array][] => {
        if (subPath === undefined) return [[path, bytes]];
        return path.startsWith(`${subPath}/`) ? [[path.slice(subPath.length + 1), bytes]] : [];
      }),
    );
    mounts.push({ mountPath: bare, localPath, source, files });
  }
  return { mounts, notes };
}

/** Makes `root` hold exactly these mounts. */
export async function writeMounts(root: string, mounts: readonly Mount[]): Promise<void> {
  try {
    await Deno.remove(root, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  for (const { localPath, files, source } of mounts) {
    if (files.size === 0) await Deno.mkdir(localPath, { recursive: true });
    for (const [path, bytes] of files) {
      const target = path === "" ? localPath : join(localPath, path);
      await Deno.mkdir(dirname(target), { recursive: true });
      const mode = source.startsWith("Secret") ? 0o600 : 0o644;
      await Deno.writeFile(target, bytes, { mode });
    }
  }
}

/**
 * A value with each mount path at the start of one of its parts (between colons) replaced by the
 * folder here: `/app:/app/lib` becomes two folders under `.asya/fs`.
 */
export function mapPaths(value: string, mounts: readonly Mount[]): string {
  const longestFirst = mounts.toSorted((a, b) => b.mountPath.length - a.mountPath.length);
  return value.split(":").map((part) => {
    const mount = longestFirst.find(({ mountPath }) =>
      part === mountPath || part.startsWith(`${mountPath}/`)
    );
    return mount ? mount.localPath + part.slice(mount.mountPath.length) : part;
  }).join(":");
}
