/** ConfigMaps and Secrets, reduced to what they are in a pod: bytes by key. */

import { z } from "zod";
import type { Metadata } from "./actor.ts";
import { grammar } from "./text.ts";

/** The content of one ConfigMap or Secret. */
export interface KeyedFiles {
  /** `metadata.name`. */
  readonly name: string;
  /** Content by key. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

interface RawKeyed {
  readonly metadata: Metadata;
  readonly text: Readonly<Record<string, string>>;
  readonly base64: Readonly<Record<string, string>>;
}

const metadata = z.looseObject({ name: z.string().min(1) });

const base64 = grammar(
  (text) => {
    try {
      Uint8Array.fromBase64(text);
      return true;
    } catch (error) {
      if (error instanceof SyntaxError) return false;
      throw error;
    }
  },
  "is no base64",
  "encode it, or write it as text under data (ConfigMap) or stringData (Secret)",
);

// A key becomes a file name, so it must not leave its folder.
const key = grammar(
  (text) => /^[-._a-zA-Z0-9]{1,253}$/.test(text) && !text.startsWith(".."),
  "is no key",
  "letters, digits, dashes, dots and underscores",
);
const texts = z.record(key, z.string()).default({});
const bytes = z.record(key, base64).default({});

/** A ConfigMap: `data` is text, `binaryData` base64. */
export const configMapSchema: z.ZodType<RawKeyed> = z.looseObject({
  metadata,
  data: texts,
  binaryData: bytes,
}).transform(({ metadata, data, binaryData }) => ({ metadata, text: data, base64: binaryData }));

/** A Secret: `stringData` is text, `data` base64. */
export const secretSchema: z.ZodType<RawKeyed> = z.looseObject({
  metadata,
  data: bytes,
  stringData: texts,
}).transform(({ metadata, data, stringData }) => ({ metadata, text: stringData, base64: data }));

/** What a pod sees. Text wins where a key is given twice, as in Kubernetes. */
export function keyedFiles({ metadata, text, base64 }: RawKeyed): KeyedFiles {
  const encoder = new TextEncoder();
  const files = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(base64)) files.set(key, Uint8Array.fromBase64(value));
  for (const [key, value] of Object.entries(text)) files.set(key, encoder.encode(value));
  return { name: metadata.name, files };
}
