/** Files as a ConfigMap: text as text, bytes as base64, and keys for paths, which hold no "/". */

import { CONFIG_MAP_BYTES, type ConfigMap } from "./object.ts";

/** Content by path, relative and with "/" between folders. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** A ConfigMap's key for each path: `lib/words.py` is `lib.words.py`, and never two the same. */
export function keysOf(paths: readonly string[]): Map<string, string> {
  const taken = new Set<string>();
  const keys = new Map<string, string>();
  for (const path of paths.toSorted()) {
    const plain = path.replaceAll("/", ".").replaceAll(/[^-._a-zA-Z0-9]/g, "-").slice(-240);
    const base = plain.startsWith("..") ? `-${plain}` : plain;
    let key = base;
    for (let n = 2; taken.has(key); n++) key = `${base}-${n}`;
    taken.add(key);
    keys.set(path, key);
  }
  return keys;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The same for the same files, whatever their order. */
export function configMapOf(name: string, namespace: string | undefined, files: Files): ConfigMap {
  const data: Record<string, string> = {};
  const binaryData: Record<string, string> = {};
  for (const [path, key] of keysOf([...files.keys()])) {
    const bytes = files.get(path)!;
    const text = textOf(bytes);
    if (text === undefined) binaryData[key] = bytes.toBase64();
    else data[key] = text;
  }
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, ...namespace === undefined ? {} : { namespace } },
    ...Object.keys(data).length > 0 && { data },
    ...Object.keys(binaryData).length > 0 && { binaryData },
  };
}

/** How a size reads. */
export function sizeText(bytes: number): string {
  return `${Math.ceil(bytes / 1_000).toLocaleString("en-US")} kB`;
}

/** Why files do not fit into one ConfigMap, with the largest of them; undefined: they do. */
export function tooLarge(sizes: ReadonlyMap<string, number>): string | undefined {
  const sum = [...sizes].reduce((total, [path, size]) => total + size + path.length, 0);
  if (sum <= CONFIG_MAP_BYTES) return undefined;
  const largest = [...sizes].toSorted((a, b) => b[1] - a[1]).slice(0, 3)
    .map(([path, size]) => `${path} ${sizeText(size)}`);
  return `${sizeText(sum)}, and a ConfigMap takes ${sizeText(CONFIG_MAP_BYTES)} ` +
    `(largest: ${largest.join(", ")})`;
}
