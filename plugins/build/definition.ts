/** `plugin.yaml`: what a plugin's folder says about itself. */

import { isActorName, parseDuration } from "@asya/envelope";
import { z } from "zod";
import { PluginFileError, readYamlFile } from "./yaml_file.ts";

/** The languages that plugins can be written in, by the words of `--lang` and `plugin.yaml`. */
export const PLUGIN_LANGUAGES: readonly PluginLanguage[] = ["rust", "go", "ts", "as", "c"];

/** A language that plugins can be written in; `as` is AssemblyScript. */
export type PluginLanguage = "rust" | "go" | "ts" | "as" | "c";

/** The content of `plugin.yaml`; what follows `lang` is as in `spec.handler.wasm` of an AsyncActor. */
export interface PluginDefinition {
  /** Names the module: `build/NAME.wasm`. */
  readonly name: string;
  /** What the source is written in. */
  readonly lang: PluginLanguage;
  /** The exported function. */
  readonly function: string;
  /** What goes in and comes out: payloads, or whole envelopes. */
  readonly mode: "payload" | "envelope";
  /** Per call, in Go syntax, e.g. `1s`; absent: the sidecar's default. */
  readonly timeout?: string;
  /** Guest memory, e.g. `64Mi`; absent: the sidecar's default. */
  readonly memory?: string;
  /** Memory for the actor's state, e.g. `1Mi`; absent: the sidecar's default. */
  readonly state?: string;
  /** Hosts that the guest may call. */
  readonly allowedHosts: readonly string[];
  /** Settings that the guest reads. */
  readonly config: Readonly<Record<string, unknown>>;
}

function isLimit(text: string): boolean {
  try {
    return parseDuration(text) > 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const opt = z.exactOptional;
const SIZE = "write it like 64Mi";
const TIME = "write it like 300ms, 1s or 2m30s";
const size = z.string({ error: SIZE }).regex(/^(0|[1-9][0-9]{0,14})(Ki|Mi|Gi|k|M|G)?$/, SIZE);
const schema = z.strictObject({
  name: z.string().refine(isPluginName, { message: "lower-case letters, digits and dashes" }),
  lang: z.enum(PLUGIN_LANGUAGES),
  function: z.string().min(1).default("handle"),
  mode: z.enum(["payload", "envelope"]).default("payload"),
  timeout: opt(z.string({ error: TIME }).refine(isLimit, { message: TIME })),
  memory: opt(size),
  state: opt(size),
  allowedHosts: z.array(z.string()).default([]),
  config: z.looseObject({}).default({}),
});

/** Whether a plugin may be called so: as an actor, because names become file names and objects. */
export function isPluginName(name: string): boolean {
  return isActorName(name);
}

/**
 * Reads the `plugin.yaml` of a folder.
 *
 * @throws PluginFileError, also when there is none
 */
export async function readDefinition(dir: string): Promise<PluginDefinition> {
  const path = `${dir}/plugin.yaml`;
  try {
    return (await readYamlFile<PluginDefinition>(path, schema)).value;
  } catch (error) {
    const { NotFound, NotADirectory, IsADirectory } = Deno.errors;
    if (![NotFound, NotADirectory, IsADirectory].some((kind) => error instanceof kind)) throw error;
    throw new PluginFileError([`${path} is missing; \`asya plugin new\` makes such a folder`]);
  }
}
