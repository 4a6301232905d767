/** An actor's code in its container: where it is, and how the language there comes to find it. */

import type { Code } from "./code.ts";
import { type Files, keysOf } from "./config_map.ts";
import { FolderError } from "./error.ts";

/** Any fields of an object. */
export type Fields = Readonly<Record<string, unknown>>;

/** A container of a template. */
export interface Container extends Fields {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

/** A pod's template. */
export interface Template {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } & Fields;
  readonly spec: {
    readonly containers: readonly Container[];
    readonly volumes?: readonly Fields[];
  } & Fields;
}

/** Beside the runtime's script. */
const OURS = "/opt/asya";

/** Where code is in a container; it is the working directory too, as the folder is for `dev`. */
const CODE_FOLDER = `${OURS}/code`;

const VOLUME = "asya-code";

const DENO_CONFIG = "deno.json";

/**
 * Where Deno looks for its settings: beside the script that it is started with, which is ours. They
 * send it to the import map of the user, which is in the user's settings.
 */
const OUR_DENO_CONFIG = "asya-deno.json";

function hasDenoConfig({ language, files }: Code): boolean {
  return language === "javascript" && files.has(DENO_CONFIG);
}

/** The code's files, with those of ours that it needs. */
export function codeFiles(code: Code): Files {
  if (!hasDenoConfig(code)) return code.files;
  const settings = JSON.stringify({ importMap: `${CODE_FOLDER}/${DENO_CONFIG}`, lock: false });
  return new Map([...code.files, [OUR_DENO_CONFIG, new TextEncoder().encode(settings)]]);
}

/** The code's folders first: it is what `dev` runs, whatever the image holds. */
function pythonFields(container: Container, paths: readonly string[]): Fields {
  const env = container.env ?? [];
  const variable = env.find(({ name }) => name === "PYTHONPATH");
  if (variable !== undefined && variable.value === undefined) {
    const message =
      "PYTHONPATH comes from elsewhere, and the folder's code has to be put before it";
    throw new FolderError(message, "write its value into the template");
  }
  const before = variable?.value;
  const folders = paths.map((path) => path === "" ? CODE_FOLDER : `${CODE_FOLDER}/${path}`);
  const value = [...folders, ...before ? [before] : []].join(":");
  const others = env.filter(({ name }) => name !== "PYTHONPATH");
  return {
    workingDir: container["workingDir"] ?? CODE_FOLDER,
    env: [...others, { name: "PYTHONPATH", value }],
  };
}

function withCode(container: Container, code: Code): Container {
  const mounts = (container["volumeMounts"] ?? []) as readonly Fields[];
  const settings = {
    name: VOLUME,
    mountPath: `${OURS}/${DENO_CONFIG}`,
    subPath: OUR_DENO_CONFIG,
    readOnly: true,
  };
  return {
    ...container,
    // A handler's path begins in the working directory.
    ...code.language === "python" ? pythonFields(container, code.paths) : {
      workingDir: CODE_FOLDER,
    },
    volumeMounts: [
      ...mounts,
      { name: VOLUME, mountPath: CODE_FOLDER, readOnly: true },
      ...hasDenoConfig(code) ? [settings] : [],
    ],
  };
}

function codeVolume(configMap: string, code: Code): Fields {
  const items = [...keysOf([...codeFiles(code).keys()])].map(([path, key]) => ({ key, path }));
  return { name: VOLUME, configMap: { name: configMap, items } };
}

/** The template with the code in it. @throws FolderError for a PYTHONPATH that comes from elsewhere */
export function mounted(template: Template, configMap: string, code: Code): Template {
  const { spec } = template;
  return {
    ...template,
    spec: {
      ...spec,
      containers: spec.containers.map((container) =>
        container.name === "asya-runtime" ? withCode(container, code) : container
      ),
      volumes: [...spec.volumes ?? [], codeVolume(configMap, code)],
    },
  };
}
