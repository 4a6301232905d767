/**
 * The system that is tested: its images are built and it is installed once a run, by whichever file
 * comes first. `ASYA_TEST_INSTALLED=1` takes the one that is there, and leaves it.
 */

import { join } from "node:path";
import { outputOf, runTool } from "@asya/deploy";
import { kubectl } from "./kube.ts";

/** Where it is. */
export const SYSTEM = "asya-system";

const KUBECONFIG = Deno.env.get("ASYA_TEST_KUBECONFIG") || undefined;
const ROOT = new URL("../..", import.meta.url).pathname;
const VALUES = ["--values", new URL("values.yaml", import.meta.url).pathname];

/** Files of a run are run by one process, each with modules of its own. */
const MARK = join(Deno.env.get("TMPDIR") ?? "/tmp", `asya-cluster-${Deno.pid}`);

/** Whether this run found the system, and so does not remove it. */
export const FOUND: boolean = Deno.env.get("ASYA_TEST_INSTALLED") === "1";

/** The command line of a task of the project. */
export function taskCommand(...args: readonly string[]): string[] {
  return [Deno.execPath(), "run", "-A", join(ROOT, "deploy", "main.ts"), ...args];
}

/** Runs a task of the project. @throws ToolError with what it said */
export function task(minutes: number, ...args: readonly string[]): Promise<string> {
  return outputOf(runTool, taskCommand(...args), { timeoutMs: minutes * 60_000, cwd: ROOT });
}

/** Of the images that are installed. */
export async function installedTag(): Promise<string> {
  const path = "jsonpath={.spec.template.spec.containers[0].image}";
  const image = await kubectl(["-n", SYSTEM, "get", "deployment/asya-operator", "-o", path]);
  return image.split(":").at(-1)!;
}

/** Label of a namespace: the level of Pod Security above which no pod starts there. */
export const ENFORCE = "pod-security.kubernetes.io/enforce";

/** Has no pod of the system start above this level from now on. */
export async function enforce(level: "baseline" | "restricted"): Promise<void> {
  await kubectl(["label", "namespace", SYSTEM, `${ENFORCE}=${level}`, "--overwrite"]);
}

/** Puts the system on the cluster, of these images. */
export async function deployed(tag: string, ...more: readonly string[]): Promise<string> {
  return await task(10, "deploy", "--yes", "--tag", tag, ...VALUES, ...more);
}

/** Puts the system on the cluster once more, of the same images. */
export async function deployAgain(...more: readonly string[]): Promise<string> {
  return await deployed(await installedTag(), ...more);
}

/** Builds and installs, where this run has not done so. */
export async function installed(): Promise<void> {
  if (FOUND || await isMarked()) return;
  const tag = `test-${new Date().toISOString().replaceAll(/[^0-9]/g, "").slice(0, 14)}`; // none has it
  let began = performance.now();
  await task(15, "build", "--tag", tag);
  const built = seconds(began);
  began = performance.now();
  await deployed(tag);
  await enforce("baseline");
  console.log(`images built in ${built} s, system deployed in ${seconds(began)} s`);
  await Deno.writeTextFile(MARK, "");
}

/** Removes it; the next one who needs it installs it again. */
export async function removed(...more: readonly string[]): Promise<string> {
  if (await isMarked()) await Deno.remove(MARK);
  return await task(10, "undeploy", "--yes", ...more);
}

async function isMarked(): Promise<boolean> {
  try {
    return (await Deno.stat(MARK)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function seconds(began: number): number {
  return Math.round((performance.now() - began) / 1_000);
}

/** A test at the installed system; skipped where there is no cluster. */
export function clusterTest(sentence: string, run: () => Promise<void>): void {
  const missing = KUBECONFIG === undefined ? " (skipped: no ASYA_TEST_KUBECONFIG)" : "";
  Deno.test({
    name: sentence + missing,
    ignore: KUBECONFIG === undefined,
    async fn() {
      await installed();
      await run();
    },
  });
}
