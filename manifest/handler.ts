/** The short forms of a handler: a WASM module inside the sidecar, or a Python function in an image. */

import { z } from "zod";
import { grammar, limitText, sizeText, stateText } from "./text.ts";

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
const mode = z.enum(["payload", "envelope"]).default("payload").describe(
  "What the handler is given and returns: payloads, or whole envelopes.",
);

const moduleSchema = z.strictObject({
  configMap: opt(z.strictObject({
    name: z.string().describe("The ConfigMap, in the actor's namespace."),
    key: z.string().describe("Its key, under binaryData."),
  })).describe("A key of a ConfigMap, up to 1 MiB. A change is picked up without a restart."),
  url: opt(grammar(
    (text) => URL.parse(text)?.protocol === "https:",
    "is no https URL",
    "write a URL that starts with https://",
  )).describe("An https URL; needs sha256."),
  sha256: opt(grammar(
    (text) => /^[0-9a-f]{64}$/i.test(text),
    "is no SHA-256",
    "write 64 hexadecimal digits",
  )).describe("Hex digest that the module must have."),
  image: opt(z.string()).describe(
    "An OCI artifact, such as registry.example.com/plugins/upper:1.2.",
  ),
  volume: opt(z.strictObject({
    name: z.string().describe("The PersistentVolumeClaim, in the actor's namespace."),
    path: z.string().describe("The module's file in it."),
  })).describe("A file in a volume."),
  file: opt(z.string()).describe(
    "A file beside the manifest; for a laptop, and for `asya deploy`, which packs it. Not for a cluster.",
  ),
});

const wasmSchema = z.strictObject({
  module: moduleSchema.describe(
    "Where the module is: exactly one of configMap, url, image, volume.",
  ),
  function: z.string().default("handle").describe(
    "The exported function that handles one envelope.",
  ),
  mode,
  memory: sizeText.default("64Mi").describe("Memory that the module may use, such as 64Mi."),
  timeout: limitText.default("1s").describe("How long one call may take, such as 1s."),
  level: z.enum(["worker", "inline"]).default("worker").describe(
    "Where the module runs: in threads of its own, or in the sidecar's, for short trusted calls.",
  ),
  workers: z.int().min(1).default(1).describe("Instances, one call at a time each."),
  allowedHosts: z.array(z.string()).default([]).describe(
    "Hosts that the module may call over HTTP, such as api.example.com; none unless listed.",
  ),
  state: stateText.default("0").describe(
    "Memory for state that all calls share, such as 1Mi; it ends with the pod.",
  ),
  config: z.looseObject({}).default({}).describe("Settings that the module reads."),
});

const pythonSchema = z.strictObject({
  path: grammar(
    (text) => /^[^\W\d]\w*(\.[^\W\d]\w*)+$/.test(text),
    "is no path of a Python function",
    "write module.function or module.Class.method",
  ).describe("module.function or module.Class.method."),
  mode,
  image: opt(z.string()).describe(
    "An image that holds Python and the module. Default: the operator's, with the code in a ConfigMap.",
  ),
});

/** {@linkcode HandlerSpec} */
export const handlerSchema: z.ZodType<HandlerSpec> = z.strictObject({
  wasm: opt(wasmSchema).describe(
    "A WASM plugin that runs in the sidecar: no other container, no access to anything that is not listed.",
  ),
  python: opt(pythonSchema).describe("A Python function; the short form of a template."),
});
