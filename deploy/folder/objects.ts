/** From a folder's documents to what is applied: its actors with their code and modules in ConfigMaps. */

import { createHash } from "node:crypto";
import type { Code } from "./code.ts";
import { configMapOf } from "./config_map.ts";
import { codeFiles, type Fields, mounted, type Template } from "./mount.ts";
import type { Module } from "./module.ts";
import { FOLDER_LABEL, type KubeObject, labelled } from "./object.ts";

/** Key of a module in its ConfigMap. */
const MODULE_KEY = "module.wasm";

/** Annotation of pods: a digest of what they read once, so that they are replaced when it changes. */
const HASH = "asya.sh/folder-hash";

/** What comes along with the actors, by their names. */
export interface Packages {
  readonly code: ReadonlyMap<string, Code>;
  readonly modules: ReadonlyMap<string, Module>;
}

/** What the objects follow from. */
export interface Contents extends Packages {
  /** Of the folder. */
  readonly name: string;
  readonly objects: readonly KubeObject[];
  /** Image of Python actors that name none. */
  readonly pythonImage: string;
}

interface ActorSpec extends Fields {
  readonly handler?: {
    readonly wasm?: Fields;
    readonly python?: { readonly path: string; readonly mode?: string; readonly image?: string };
  };
  readonly workload?: {
    readonly template?: Template;
    readonly pythonExecutable?: string;
  } & Fields;
}

type Actor = KubeObject & { readonly spec: ActorSpec };

function digest(values: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, 16);
}

/** The long form of `handler.python`. */
function templateOf({ handler, workload }: ActorSpec, pythonImage: string): Template | undefined {
  if (handler?.python === undefined) return workload?.template;
  const { path, mode, image = pythonImage } = handler.python;
  const env = [
    { name: "ASYA_HANDLER", value: path },
    ...mode === undefined ? [] : [{ name: "ASYA_HANDLER_MODE", value: mode }],
  ];
  return { spec: { containers: [{ name: "asya-runtime", image, env }] } };
}

/** Names that a pod gives of ConfigMaps and Secrets, and of other things, which does no harm. */
function namesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === "string" && /^(name|secretName)$/.test(key) ? [inner] : namesIn(inner)
  );
}

function hashed(template: Template, used: readonly unknown[]): Template {
  if (used.length === 0) return template;
  const { metadata } = template;
  const annotations = { ...metadata?.annotations, [HASH]: digest(used) };
  return { ...template, metadata: { ...metadata, annotations } };
}

class Builder {
  constructor(readonly contents: Contents) {}

  all(): KubeObject[] {
    const { objects, name } = this.contents;
    const actors = objects.filter((object): object is Actor => object.kind === "AsyncActor");
    const others = objects.filter(({ kind }) => kind !== "AsyncActor");
    const built = actors.flatMap((actor) => this.#actor(actor, others));
    // Actors last: what they need is there before them.
    const last = ({ kind }: KubeObject) => kind === "AsyncActor" ? 1 : 0;
    return [...others, ...built].toSorted((a, b) => last(a) - last(b))
      .map((object) => labelled(object, FOLDER_LABEL, name));
  }

  #actor(actor: Actor, others: readonly KubeObject[]): KubeObject[] {
    const module = this.contents.modules.get(actor.metadata.name);
    return module === undefined ? this.#process(actor, others) : withModule(actor, module);
  }

  #process(actor: Actor, others: readonly KubeObject[]): KubeObject[] {
    const { metadata: { name, namespace }, spec } = actor;
    const code = this.contents.code.get(name);
    const short = code === undefined ? spec.workload?.template : templateOf(
      spec,
      this.contents.pythonImage,
    );
    if (short === undefined) return [actor];
    const configMap = code && configMapOf(`${name}-code`, namespace, codeFiles(code));
    const names = new Set(namesIn(short.spec));
    const used = others.filter(({ kind, metadata }) =>
      (kind === "ConfigMap" || kind === "Secret") && names.has(metadata.name)
    );
    const whole = code === undefined ? short : mounted(short, `${name}-code`, code);
    const template = hashed(whole, configMap ? [...used, configMap] : used);
    const { handler: _, ...rest } = spec;
    const workload = { ...spec.workload, template };
    const changed = { ...actor, spec: { ...rest, workload } };
    return configMap ? [configMap, changed] : [changed];
  }
}

function withModule(actor: Actor, { packed, sha256 }: Module): KubeObject[] {
  const { metadata: { name, namespace }, spec } = actor;
  const configMap = { name: `${name}-module`, key: MODULE_KEY };
  // The digest rolls the pods: once they are ready, the new module works, and not the old one still.
  const wasm = { ...spec.handler!.wasm, module: { configMap, sha256 } };
  return [
    configMapOf(configMap.name, namespace, new Map([[MODULE_KEY, packed]])),
    { ...actor, spec: { ...spec, handler: { wasm } } } as KubeObject,
  ];
}

/**
 * Everything to apply, in its order; the same for the same contents.
 *
 * @throws FolderError where code cannot be put before a PYTHONPATH that comes from elsewhere
 */
export function objectsOf(contents: Contents): readonly KubeObject[] {
  return new Builder(contents).all();
}
