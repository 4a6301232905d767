/** What is wanted of an index and of a manifest; pure, and nothing in them is believed unchecked. */

import { SourceError } from "../source.ts";

const CONFIG_TYPE = "application/vnd.wasm.config.v0+json";

/** Media types of a layer that is a module: today's, and those of older tools. */
const LAYER_TYPES = [
  "application/wasm",
  "application/vnd.wasm.content.layer.v1+wasm",
  "application/vnd.module.wasm.content.layer.v1+wasm",
];

/** Media types of indexes and manifests, for `Accept`. */
export const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

/** Most entries or layers that an error lists. */
const SHOWN = 8;

/** Content named by its digest. */
export interface Descriptor {
  /** SHA-256, in hex. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/** What to fetch next. */
export type Choice =
  | { readonly kind: "manifest"; readonly descriptor: Descriptor }
  | { readonly kind: "module"; readonly descriptor: Descriptor };

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Json
    : undefined;
}

function descriptor(entry: Json, from: string): Descriptor {
  const digest = /^sha256:([0-9a-f]{64})$/.exec(String(entry["digest"]))?.[1];
  const size = entry["size"];
  if (digest === undefined || typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new SourceError("not_wasm", `${from}: an entry has no SHA-256 digest or no valid size`);
  }
  return { digest, size };
}

function isWasm(entry: Json): boolean {
  if ([CONFIG_TYPE, ...LAYER_TYPES].includes(String(entry["artifactType"]))) return true;
  const { os, architecture } = object(entry["platform"]) ?? {};
  return architecture === "wasm" && /^wasi(p1)?$/.test(String(os));
}

function fromIndex(entries: readonly Json[], from: string): Choice {
  const found = entries.find(isWasm) ?? (entries.length === 1 ? entries[0] : undefined);
  if (found) return { kind: "manifest", descriptor: descriptor(found, from) };
  const names = entries.slice(0, SHOWN).map((entry) => {
    const { os, architecture } = object(entry["platform"]) ?? {};
    return os === undefined ? `${entry["artifactType"]}` : `${os}/${architecture}`;
  });
  const message = `${from}: the index has no entry for wasi/wasm or of artifact type ` +
    `${CONFIG_TYPE}; it has: ${list(names)}`;
  throw new SourceError("not_wasm", message);
}

function fromManifest(layers: readonly Json[], from: string): Choice {
  const modules = layers.filter((layer) => LAYER_TYPES.includes(String(layer["mediaType"])));
  if (modules.length === 1) return { kind: "module", descriptor: descriptor(modules[0]!, from) };
  const types = layers.slice(0, SHOWN).map((layer) => String(layer["mediaType"]));
  const message = `${from}: it must have one layer of type application/wasm; its layers are: ` +
    `${list(types)}. One is made by, e.g., "oras push REFERENCE plugin.wasm:application/wasm"`;
  throw new SourceError("not_wasm", message);
}

function list(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name.slice(0, 100))).join(", ") || "none";
}

function parse(bytes: Uint8Array, from: string): Json {
  try {
    const document = object(JSON.parse(new TextDecoder().decode(bytes)));
    if (document) return document;
  } catch (cause) {
    throw new SourceError("not_wasm", `${from}: its manifest is not JSON`, { cause });
  }
  throw new SourceError("not_wasm", `${from}: its manifest is not an object`);
}

/**
 * Picks out of an index the manifest for WASM, out of a manifest the layer with the module.
 *
 * @param bytes the document, its digest checked
 * @param from for errors
 * @throws SourceError `not_wasm`
 */
export function choose(bytes: Uint8Array, from: string): Choice {
  const document = parse(bytes, from);
  const [manifests, layers] = ["manifests", "layers"].map((name) => {
    const entries = document[name];
    return Array.isArray(entries) ? entries.map((entry) => object(entry) ?? {}) : undefined;
  });
  // With both, two readers of the same digest could disagree on what it stands for.
  if (manifests && !layers) return fromIndex(manifests, from);
  if (layers && !manifests) return fromManifest(layers, from);
  throw new SourceError("not_wasm", `${from}: neither an image manifest nor an index`);
}
