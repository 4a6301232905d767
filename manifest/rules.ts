/**
 * Rules across fields of an AsyncActor. They look at the raw value, so that they speak up however
 * much else is wrong with it.
 */

import { closest } from "./closest.ts";
import { END_ACTORS } from "./end_actors.ts";

/** A field's place in a value: names and indexes from its root. */
export type Path = readonly (string | number)[];

/** A mistake at a path, not yet at a line. `at: "key"` points at the field's name, not its value. */
export interface Complaint {
  readonly path: Path;
  readonly at?: "key";
  readonly message: string;
  readonly fix: string;
}

/** A path as people write it: `spec.containers[0].name`. */
export function pathText(path: Path): string {
  return path.map((part, i) => typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)
    .join("");
}

/** The value at a path; undefined where the way there is not as expected. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

const CONTAINERS = ["spec", "workload", "template", "spec", "containers"] as const;
const VOLUMES = ["spec", "workload", "template", "spec", "volumes"] as const;

/** The end actors are the crew's own unless they bring a handler. */
function isEndActor(actor: unknown): boolean {
  return END_ACTORS.some((name) => valueAt(actor, ["metadata", "name"]) === name);
}

function* containerRules(actor: unknown): Generator<Complaint> {
  const containers = valueAt(actor, CONTAINERS);
  if (!Array.isArray(containers)) return;
  const names = containers.map((container) => valueAt(container, ["name"]));
  const runtimes = names.filter((name) => name === "asya-runtime").length;
  if (runtimes === 0 && !isEndActor(actor)) {
    const near = names.findIndex((name) =>
      typeof name === "string" && closest(name, ["asya-runtime"]) !== undefined
    );
    const message = "no container is called asya-runtime";
    yield near >= 0
      ? { path: [...CONTAINERS, near, "name"], message, fix: "did you mean asya-runtime?" }
      : { path: CONTAINERS, message, fix: "call the container with your handler asya-runtime" };
  }
  for (const [i, name] of names.entries()) {
    const path = [...CONTAINERS, i];
    if (name === "asya-runtime" && names.indexOf(name) !== i) {
      const message = "a second container is called asya-runtime";
      yield { path: [...path, "name"], message, fix: "give all but one another name" };
    }
    if (name === "asya-runtime" && valueAt(containers[i], ["command"]) !== undefined) {
      const message = "the container asya-runtime has a command";
      const fix = "remove it: Asya sets the command; to choose a Python, set " +
        "spec.workload.pythonExecutable";
      yield { path: [...path, "command"], at: "key", message, fix };
    }
    if (name === "asya-sidecar") {
      const message = "a container is called asya-sidecar, which Asya adds itself";
      yield { path: [...path, "name"], message, fix: "give it another name" };
    }
  }
}

function* volumeRules(actor: unknown): Generator<Complaint> {
  const volumes = list(valueAt(actor, VOLUMES)).map((volume) => valueAt(volume, ["name"]));
  for (const [i, container] of list(valueAt(actor, CONTAINERS)).entries()) {
    for (const [j, mount] of list(valueAt(container, ["volumeMounts"])).entries()) {
      const name = valueAt(mount, ["name"]);
      if (typeof name !== "string" || volumes.includes(name)) continue;
      const near = closest(name, volumes.filter((volume) => typeof volume === "string"));
      yield {
        path: [...CONTAINERS, i, "volumeMounts", j, "name"],
        message: `there is no volume called ${name}`,
        fix: near ? `did you mean ${near}?` : `add it to ${pathText(VOLUMES)}`,
      };
    }
  }
}

const SOURCES = ["configMap", "url", "image", "volume", "file"];

function* handlerRules(actor: unknown): Generator<Complaint> {
  const handler = valueAt(actor, ["spec", "handler"]);
  const template = valueAt(actor, ["spec", "workload", "template"]);
  if (handler === undefined && template === undefined && !isEndActor(actor)) {
    const message = "the actor has no handler";
    yield { path: ["spec"], at: "key", message, fix: "add spec.workload.template or spec.handler" };
  }
  if (handler === undefined) return;
  if (template !== undefined) {
    const message = "spec.handler and spec.workload.template exclude each other";
    yield { path: ["spec", "handler"], at: "key", message, fix: "remove one of them" };
  }
  const kinds = entries(handler).filter(([name]) => name === "wasm" || name === "python");
  if (kinds.length !== 1) {
    const message = `spec.handler has ${kinds.length === 0 ? "no kind" : "two kinds"}`;
    yield { path: ["spec", "handler"], at: "key", message, fix: "write either wasm or python" };
  }
  const path = ["spec", "handler", "wasm", "module"];
  const module = valueAt(actor, path);
  if (module === undefined) return;
  const sources = entries(module).map(([name]) => name).filter((name) => SOURCES.includes(name));
  if (sources.length !== 1) {
    const what = sources.length === 0 ? "no source" : `the sources ${sources.join(" and ")}`;
    const message = `${pathText(path)} has ${what}`;
    yield { path, at: "key", message, fix: `write exactly one of ${SOURCES.join(", ")}` };
  }
  if (sources.includes("url") && valueAt(module, ["sha256"]) === undefined) {
    const message = `${pathText(path)}.url has no sha256 beside it`;
    yield { path: [...path, "url"], at: "key", message, fix: "add the digest of the module" };
  }
}

function* policyRules(actor: unknown): Generator<Complaint> {
  const policies = entries(valueAt(actor, ["spec", "resiliency", "policies"])).map(([n]) => n);
  for (const [i, rule] of list(valueAt(actor, ["spec", "resiliency", "rules"])).entries()) {
    const policy = valueAt(rule, ["policy"]);
    if (typeof policy !== "string" || policies.includes(policy)) continue;
    const near = closest(policy, policies);
    yield {
      path: ["spec", "resiliency", "rules", i, "policy"],
      message: `there is no policy called ${policy}`,
      fix: near ? `did you mean ${near}?` : "add it to spec.resiliency.policies",
    };
  }
}

function* scalingRules(actor: unknown): Generator<Complaint> {
  const least = valueAt(actor, ["spec", "scaling", "minReplicas"]);
  const most = valueAt(actor, ["spec", "scaling", "maxReplicas"]) ?? 50;
  if (typeof least !== "number" || typeof most !== "number" || least <= most) return;
  yield {
    path: ["spec", "scaling", "minReplicas"],
    message: `spec.scaling.minReplicas is ${least}, above maxReplicas, which is ${most}`,
    fix: "lower it, or raise maxReplicas",
  };
}

/** Everything that an AsyncActor's fields do wrong together. */
export function crossFieldComplaints(actor: unknown): Complaint[] {
  const rules = [containerRules, volumeRules, handlerRules, policyRules, scalingRules];
  return rules.flatMap((rule) => [...rule(actor)]);
}
