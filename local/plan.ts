/**
 * What an AsyncActor means on this machine: which process or plugin to run, with which
 * environment, from which code. A plan is data; two plans are the same when they are equal.
 */

import { createHash } from "node:crypto";
import { dirname, isAbsolute, join, resolve } from "node:path";
import {
  type AsyncActor,
  type EnvVar,
  handlerFile,
  type Interpreter,
  interpreterOf,
  type KeyedFiles,
  type Located,
  type Manifests,
  resolveEnvironment,
  runtimeContainer,
  runtimeEnvironment,
  sidecarEnvironment,
} from "@asya/manifest";
import { LocalError } from "./error.ts";
import { exists, shownPath } from "./folder.ts";
import type { StatePaths } from "./state_folder.ts";
import { type Keyed, mapPaths, type Mount, planMounts } from "./volumes.ts";

/** A handler in a process of its own. */
export interface ProcessPlan {
  /** What runs it. */
  readonly kind: Interpreter;
  /** Complete, but for what the machine gives. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Holds what `mounts` says, and nothing else. */
  readonly mountRoot: string;
  readonly mounts: readonly Mount[];
  /** Folders whose sources are the handler's code. */
  readonly code: readonly string[];
}

/** A WASM handler inside the sidecar. */
export interface WasmPlan {
  readonly kind: "wasm";
  /** An absolute path of a module or of a source, an https URL or an `oci://` reference. */
  readonly file: string;
  /** A file that is written before the start, when the module comes out of a ConfigMap. */
  readonly content?: Uint8Array;
}

/** One actor. */
export interface ActorPlan {
  readonly name: string;
  readonly handler: ProcessPlan | WasmPlan;
  readonly sidecarEnv: Readonly<Record<string, string>>;
  /** What is different here from a cluster, a sentence each. */
  readonly notes: readonly string[];
}

/** What all plans of a folder have in common. */
export interface Surroundings {
  /** Absolute. */
  readonly dir: string;
  readonly state: StatePaths;
  /** Variables of the sidecar that this machine decides. */
  readonly sidecar: Readonly<Record<string, string>>;
  /** The environment that `dev` itself has. */
  readonly env: Readonly<Record<string, string>>;
  /** Where an actor's socket lives. */
  readonly socketFolder: (actor: string) => string;
}

const LOCAL_PATH = "asya.sh/local-path";

/** A variable of Kubernetes' that has no meaning here is a note, not an obstacle. */
function plainEnv(
  actor: AsyncActor,
  variables: readonly EnvVar[],
  keyed: Keyed,
  notes: string[],
  envFrom = runtimeContainer(actor)?.envFrom ?? [],
): Record<string, string> {
  const { name, namespace = "default" } = actor.metadata;
  const { values, missing } = resolveEnvironment(variables, envFrom, {
    ...keyed,
    fields: {
      "metadata.name": name,
      "metadata.namespace": namespace,
      "spec.nodeName": "localhost",
      "status.hostIP": "127.0.0.1",
      "status.podIP": "127.0.0.1",
    },
  });
  notes.push(...missing);
  return { ...values };
}

/** Which of the folders has the module that `ASYA_HANDLER` names. */
function homeOf(
  handler: string,
  kind: Interpreter,
  folders: readonly string[],
): string | undefined {
  if (handler === "") return undefined;
  if (kind !== "python") {
    return folders.find((folder) => exists(resolve(folder, handlerFile(handler))));
  }
  const module = handler.split(".")[0]!;
  return folders.find((folder) =>
    exists(join(folder, `${module}.py`)) || exists(join(folder, module))
  );
}

const RUNS_HERE: Readonly<Record<Interpreter, string>> = {
  python: "your Python runs the handler",
  node: "your Node runs the handler",
  deno: "the Deno that runs this runs the handler",
};

function planProcess(
  { file, value: actor }: Located<AsyncActor>,
  keyed: Keyed,
  around: Surroundings,
  notes: string[],
): ProcessPlan {
  const { name, annotations } = actor.metadata;
  const container = runtimeContainer(actor);
  const mountRoot = join(around.state.fs, name);
  const volumes = actor.spec.workload.template?.spec.volumes ?? [];
  const { mounts, notes: mountNotes } = planMounts(container, volumes, keyed, mountRoot);
  const given = {
    ASYA_SOCKET_DIR: around.socketFolder(name),
    ASYA_SOCKET_NAME: "asya-runtime.sock",
  };
  const env = plainEnv(actor, runtimeEnvironment(actor, given), keyed, notes);
  for (const [key, value] of Object.entries(env)) env[key] = mapPaths(value, mounts);

  const localPath = annotations?.[LOCAL_PATH];
  const fromNote = localPath === undefined ? undefined : resolve(dirname(resolve(file)), localPath);
  if (fromNote !== undefined && !exists(fromNote)) {
    throw new LocalError(
      "wrong_plan",
      `${file}: ${LOCAL_PATH} of ${name} is ${localPath}, which is not there`,
    );
  }
  // Other absolute paths mean places in the image.
  const isHere = (path: string) => path.startsWith(`${mountRoot}/`);
  const listed = (env["PYTHONPATH"] ?? "").split(":").filter(isHere);
  const own = fromNote ? [fromNote] : [dirname(resolve(file)), around.dir];
  const handler = env["ASYA_HANDLER"] ?? "";
  const kind = interpreterOf(handler, actor.spec.workload.pythonExecutable);
  const mounted = new Map(
    mounts.flatMap((mount) =>
      [...mount.files].map(([path, bytes]) => [join(mount.localPath, path), bytes])
    ),
  );
  const inMount = kind === "python"
    ? listed.find((folder) => {
      const module = join(folder, handler.split(".")[0]!);
      return mounted.has(`${module}.py`) ||
        [...mounted.keys()].some((p) => p.startsWith(`${module}/`));
    })
    : mounted.has(handlerFile(handler))
    ? dirname(handlerFile(handler))
    : undefined;
  const home = inMount ?? homeOf(handler, kind, own);
  const via = inMount !== undefined
    ? mounts.find(({ localPath }) => inMount.startsWith(localPath))?.source
    : fromNote && LOCAL_PATH;
  notes.push(
    home === undefined
      ? `the ${kind === "python" ? "module" : "file"} of ${handler || "the handler"} is not in ` +
        `${own.map(shownPath).join(" or ")}` +
        `${kind === "python" ? "; it must be installed in your Python" : ""}`
      : `code from ${shownPath(home)}${via ? ` (${via})` : ""}`,
  );
  const image = container?.image ?? actor.spec.handler?.python?.image;
  if (image) notes.push(`image ${image} is not used here: ${RUNS_HERE[kind]}`);
  notes.push(...mountNotes);

  const workingDir = container?.workingDir && mapPaths(container.workingDir, mounts);
  const workFolder = workingDir && isHere(workingDir) ? workingDir : undefined;
  if (kind !== "python") { // a path begins in the working directory
    const cwd = workFolder ?? home ?? fromNote ?? around.dir;
    return {
      kind,
      env,
      cwd,
      mountRoot,
      mounts,
      code: [dirname(resolve(cwd, handlerFile(handler)))],
    };
  }
  const code = [...new Set([...listed, ...own])];
  env["PYTHONPATH"] = [...code, around.env["PYTHONPATH"]].filter(Boolean).join(":");
  return { kind, env, cwd: workFolder ?? fromNote ?? around.dir, mountRoot, mounts, code };
}

function planWasm(
  { file, value: actor }: Located<AsyncActor>,
  keyed: Keyed,
  around: Surroundings,
): WasmPlan {
  const { name } = actor.metadata;
  const { configMap, file: path, url, image } = actor.spec.handler!.wasm!.module;
  if (path !== undefined) {
    const absolute = isAbsolute(path) ? path : resolve(dirname(resolve(file)), path);
    if (exists(absolute)) return { kind: "wasm", file: absolute };
    throw new LocalError(
      "wrong_plan",
      `${file}: the module of ${name}, ${shownPath(absolute)}, is not there`,
    );
  }
  if (configMap) {
    const content = keyed.configMap(configMap.name)?.files.get(configMap.key);
    const target = join(around.state.fs, name, "module.wasm");
    if (content) return { kind: "wasm", file: target, content };
    throw new LocalError(
      "wrong_plan",
      `${file}: the module of ${name} is key ${configMap.key} of ConfigMap ${configMap.name}, ` +
        "which is not in this folder",
    );
  }
  if (url !== undefined) return { kind: "wasm", file: url };
  if (image !== undefined) return { kind: "wasm", file: `oci://${image}` };
  throw new LocalError(
    "wrong_plan",
    `${file}: ${name} takes its module out of a volume, which works in a cluster only; ` +
      "use module.file here",
  );
}

/**
 * The plan of one actor.
 *
 * @throws LocalError `wrong_plan` when the manifest names something that is not on this machine
 */
export function planActor(
  located: Located<AsyncActor>,
  manifests: Manifests,
  around: Surroundings,
): ActorPlan {
  const actor = located.value;
  const byName = (all: readonly Located<KeyedFiles>[]) => (name: string) =>
    all.find(({ value }) => value.name === name)?.value;
  const keyed = { configMap: byName(manifests.configMaps), secret: byName(manifests.secrets) };
  const notes: string[] = [];
  const handler = actor.spec.handler?.wasm
    ? planWasm(located, keyed, around)
    : planProcess(located, keyed, around, notes);
  const given = {
    ...around.sidecar,
    ASYA_SOCKET_DIR: around.socketFolder(actor.metadata.name),
    ...handler.kind === "wasm" ? { ASYA_WASM_MODULE: handler.file } : {},
  };
  const variables = sidecarEnvironment(actor, given);
  const sidecarEnv = plainEnv(actor, variables, keyed, notes, []);
  if (actor.spec.queueName) notes.push(`queueName ${actor.spec.queueName} is not used here`);
  return { name: actor.metadata.name, handler, sidecarEnv, notes };
}

/** The same for the same plan, whatever order it was made in. */
export function fingerprint(plan: ActorPlan): string {
  const hash = createHash("sha256");
  const text = JSON.stringify(plan, (_, value: unknown) => {
    if (value instanceof Uint8Array) return createHash("sha256").update(value).digest("hex");
    return value instanceof Map ? [...value] : value;
  });
  return hash.update(text).digest("hex");
}
