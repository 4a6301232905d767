/** The short forms of a handler: a WASM module inside the sidecar, or a Python function in an image. */

import { z } from "zod";
import { grammar, limitText, sizeText } from "./text.ts";

/** Where a WASM module comes from; exactly one member (`url` with `sha256`). */
export interface ModuleSource {
  /** A key of a ConfigMap's `binaryData`. */
  readonly configMap?: { readonly name: string; readonly key: string };
  /** An https URL. */
  readonly url?: string;
  /** Hex digest that the fetched module must have. */
  readonly sha256?: string;
  /** An OCI reference. */
  readonly image?: string;
  /** A file in a volume. */
  readonly volume?: { readonly name: string; readonly path: string };
  /** Relative to the manifest; local mode and packaging only. `.ts` is source, and built. */
  readonly file?: string;
}

/** A handler that runs as a WASM plugin. */
export interface WasmHandler {
  /** Where the module is. */
  readonly module: ModuleSource;
  /** The exported function. */
  readonly function: string;
  /** What goes in and comes out: payloads, or whole envelopes. */
  readonly mode: "payload" | "envelope";
  /** Guest memory, e.g. `64Mi`. */
  readonly memory: string;
  /** Per call, in Go syntax. */
  readonly timeout: string;
  /** Where the plugin runs: threads of its own, or the sidecar's. */
  readonly level: "worker" | "inline";
  /** Calls that may run at once. */
  readonly workers: number;
  /** Hosts that the guest may call; none unless listed. */
  readonly allowedHosts: readonly string[];
  /** Memory for state that all calls share, e.g. `1Mi`; none by default. */
  readonly state: string;
  /** Settings that the guest reads. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** A handler that is a Python function or method. */
export interface PythonHandler {
  /** `module.function` or `module.Class.method`. */
  readonly path: string;
  /** What goes in and comes out: payloads, or whole envelopes. */
  readonly mode: "payload" | "envelope";
  /** An image that holds Python and the module; local mode does not use it. */
  readonly image?: string;
}

/** Exactly one member. */
export interface HandlerSpec {
  /** A plugin inside the sidecar. */
  readonly wasm?: WasmHandler;
  /** A process beside it. */
  readonly python?: PythonHandler;
}

const opt = z.exactOptional;
const mode = z.enum(["payload", "envelope"]).default("payload");

const moduleSchema = z.strictObject({
  configMap: opt(z.strictObject({ name: z.string(), key: z.string() })),
  url: opt(grammar(
    (text) => URL.parse(text)?.protocol === "https:",
    "is no https URL",
    "write a URL that starts with https://",
  )),
  sha256: opt(grammar(
    (text) => /^[0-9a-f]{64}$/i.test(text),
    "is no SHA-256",
    "write 64 hexadecimal digits",
  )),
  image: opt(z.string()),
  volume: opt(z.strictObject({ name: z.string(), path: z.string() })),
  file: opt(z.string()),
});

const wasmSchema = z.strictObject({
  module: moduleSchema,
  function: z.string().default("handle"),
  mode,
  memory: sizeText.default("64Mi"),
  timeout: limitText.default("1s"),
  level: z.enum(["worker", "inline"]).default("worker"),
  workers: z.int().min(1).default(1),
  allowedHosts: z.array(z.string()).default([]),
  state: sizeText.default("0"),
  config: z.looseObject({}).default({}),
});

const pythonSchema = z.strictObject({
  path: grammar(
    (text) => /^[^\W\d]\w*(\.[^\W\d]\w*)+$/.test(text),
    "is no path of a Python function",
    "write module.function or module.Class.method",
  ),
  mode,
  image: opt(z.string()),
});

/** {@linkcode HandlerSpec} */
export const handlerSchema: z.ZodType<HandlerSpec> = z.strictObject({
  wasm: opt(wasmSchema),
  python: opt(pythonSchema),
});
