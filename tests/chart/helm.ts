/** Renders the chart with the real helm, and finds objects in what comes out. */

import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";

/** The chart's folder. */
export const CHART = new URL("../../chart", import.meta.url).pathname;

/** Where releases of these tests would be. */
export const NAMESPACE = "asya-test";

const TIME_OUT_MS = 60_000;

/** The oldest Kubernetes that the chart is for. */
const KUBE_VERSION = "1.29.0";

/** An object of a rendered chart, as far as tests look into it. */
// deno-lint-ignore no-explicit-any -- an expression such as spec.template.spec is the assertion
export type Rendered = Record<string, any>;

async function find(): Promise<string | undefined> {
  const path = Deno.env.get("ASYA_TEST_HELM") ?? "helm";
  try {
    const { success } = await new Deno.Command(path, {
      args: ["version", "--short"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success ? path : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const helm = await find();

/** Registers a test that needs helm; without it the test is ignored and its name says why. */
export function chartTest(name: string, run: () => Promise<void>): void {
  const ignore = helm === undefined;
  Deno.test({
    name: ignore ? `${name} (ignored: no helm in PATH or ASYA_TEST_HELM)` : name,
    ignore,
    fn: run,
  });
}

/** Runs helm. */
export async function runHelm(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const output = await new Deno.Command(helm!, {
    args: [...args],
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(TIME_OUT_MS),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, out: text(output.stdout), err: text(output.stderr) };
}

/** What may be said to a rendering beside the values. */
export interface RenderOptions {
  /** Values files, by their name in the chart. */
  readonly files?: readonly string[];
  /** Kinds that the cluster is said to have. */
  readonly apis?: readonly string[];
  /** Default `asya`. */
  readonly release?: string;
}

async function template(values: unknown, options: RenderOptions) {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, JSON.stringify(values));
    return await runHelm(
      "template",
      options.release ?? "asya",
      CHART,
      `--namespace=${NAMESPACE}`,
      `--kube-version=${KUBE_VERSION}`,
      ...(options.files ?? []).map((name) => `--values=${CHART}/${name}`),
      ...(options.apis ?? []).map((api) => `--api-versions=${api}`),
      `--values=${file}`,
    );
  } finally {
    await Deno.remove(file);
  }
}

const rendered = new Map<string, Promise<Release>>();

/** The objects that the chart makes of some values. */
export class Release {
  private constructor(readonly objects: readonly Rendered[]) {}

  /** Renders, the same only once; an error of helm is an assertion's. */
  static render(values: unknown = {}, options: RenderOptions = {}): Promise<Release> {
    const key = JSON.stringify([values, options]);
    const release = rendered.get(key) ?? Release.#render(values, options);
    rendered.set(key, release);
    return release;
  }

  static async #render(values: unknown, options: RenderOptions): Promise<Release> {
    const { code, out, err } = await template(values, options);
    assert.equal(code, 0, err);
    const objects = parseAllDocuments(out).map((document) => {
      assert.deepEqual(document.errors, []);
      return document.toJS() as Rendered | null;
    });
    return new Release(objects.filter((object) => object !== null));
  }

  /** All of a kind. */
  all(kind: string): Rendered[] {
    return this.objects.filter((object) => object.kind === kind);
  }

  /** Whether there is such an object. */
  has(kind: string, name: string, namespace?: string): boolean {
    return this.#find(kind, name, namespace) !== undefined;
  }

  /** The one of a kind and name. */
  get(kind: string, name: string, namespace?: string): Rendered {
    const found = this.#find(kind, name, namespace);
    const there = this.all(kind).map(({ metadata }) => metadata.name).join(", ");
    assert(found, `no ${kind} ${name}, only ${there || "none"}`);
    return found;
  }

  #find(kind: string, name: string, namespace?: string): Rendered | undefined {
    return this.all(kind).find(({ metadata }) =>
      metadata.name === name && (namespace === undefined || metadata.namespace === namespace)
    );
  }

  /** Every pod that the chart itself makes, by the name of what makes it. */
  pods(): [string, Rendered][] {
    return this.objects.flatMap((object): [string, Rendered][] => {
      if (object.kind === "Pod") return [[`Pod ${object.metadata.name}`, object]];
      const template = object.kind === "AsyncActor" ? undefined : object.spec?.template;
      return template === undefined ? [] : [[`${object.kind} ${object.metadata.name}`, template]];
    });
  }

  /** A component's pod: `pod("Deployment", "asya-gateway")`, its spec. */
  pod(kind: string, name: string): Rendered {
    return this.get(kind, name).spec.template.spec;
  }
}

/** What helm says of values that it refuses. */
export async function refusal(values: unknown, options: RenderOptions = {}): Promise<string> {
  const { code, err } = await template(values, options);
  assert.notEqual(code, 0, "the values were accepted");
  return err;
}

/** The environment of a container, by name; a value from elsewhere as its reference. */
export function environment(container: Rendered): Record<string, unknown> {
  return Object.fromEntries(
    (container.env ?? []).map((one: Rendered) => [one.name, one.value ?? one.valueFrom]),
  );
}
