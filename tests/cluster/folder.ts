/** A folder of actors on the cluster, by the commands that a user types. */

import assert from "node:assert/strict";
import { capture } from "../../cli/testing/capture.ts";
import { project } from "../project.ts";
import { kubectl } from "./kube.ts";
import { TEST_LABEL } from "./stage.ts";
import { SYSTEM } from "./system.ts";
import { type Beside, startBeside, until } from "./wait.ts";

const EXAMPLE = new URL("../../examples/documents/", import.meta.url);

/** One of its sections goes by all four actors. */
const DOCUMENT = `# Hello
Nothing to see.
# Contacts
Write to ada@example.com or call +1 555 010 9999.
# Keys
sk-abcdefghijklmnopqrstuvwxyz012345 and AKIAABCDEFGHIJKLMNOP, for bob@example.org
`;
/** How many results there are of it. */
export const SECTIONS = 3;

/** A copy of examples/documents, which keeps the example free of `.asya` and may be changed. */
export async function exampleFolder() {
  const files: Record<string, string> = {};
  const read = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, EXAMPLE))) {
      if (name.startsWith(".")) continue;
      if (isDirectory) await read(`${folder}${name}/`);
      else files[folder + name] = await Deno.readTextFile(new URL(folder + name, EXAMPLE));
    }
  };
  await read("./");
  return await project(files);
}

/**
 * A namespace of the test's own; what was deployed into it is taken off first.
 * @param labels of the namespace
 */
export async function place(dir: string, labels: Readonly<Record<string, string>> = {}) {
  const namespace = `asya-test-${crypto.randomUUID().slice(0, 6)}`;
  const metadata = { name: namespace, labels: { [TEST_LABEL]: "yes", ...labels } };
  const object = { apiVersion: "v1", kind: "Namespace", metadata };
  await kubectl(["create", "-f", "-"], 60, JSON.stringify(object));
  const at = [dir, "--namespace", namespace, "--system", SYSTEM];
  return {
    namespace,
    deploy: () => capture(["deploy", ...at, "--wait", "3m"]),
    undeploy: () => capture(["undeploy", ...at]),
    async [Symbol.asyncDispose]() {
      await capture(["undeploy", ...at]);
      await kubectl(["delete", "namespace", namespace, "--wait=false"]);
    },
  };
}

/** Calls the example's tool, and reads what came of every section. */
export async function results(url: string): Promise<unknown[]> {
  const args = ["doc=note", `text=${DOCUMENT}`, "--wait", "--json", "--url", url];
  const called = await capture(["call", "screen_document", ...args]);
  assert.equal(called.code, 0, called.note);
  const { id } = JSON.parse(called.out);
  const ids = [id, ...Array.from({ length: SECTIONS - 1 }, (_, n) => `${id}-${n + 1}`)];
  return await Promise.all(ids.map((one) =>
    until(`the result of ${one}`, 60, async () => {
      const response = await fetch(`${url}/envelopes/${one}`);
      const { status, result } = await response.json();
      assert.notEqual(status, "failed");
      return status === "succeeded" && result;
    })
  ));
}

/** A way to the system's gateway, from this machine. */
export async function gateway(): Promise<AsyncDisposable & { readonly url: string }> {
  const forward = ["kubectl", "-n", SYSTEM, "port-forward", "svc/asya-gateway", ":http"];
  const beside: Beside = await startBeside(forward, /127\.0\.0\.1:(\d+) /);
  const end = () => beside[Symbol.asyncDispose]();
  return { url: `http://127.0.0.1:${beside.said[1]}`, [Symbol.asyncDispose]: end };
}
