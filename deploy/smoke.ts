/** Proves an installation: one envelope through a WASM actor to its end. */

import { join } from "node:path";
import { DeployError, type World } from "./command.ts";
import { CHART } from "./images.ts";
import { shellLine, smokeCommand } from "./plan.ts";
import type { Target } from "./target.ts";
import { outputOf } from "./tool.ts";

/** Name of the actor, and of the ConfigMap with its handler. */
const ACTOR = "asya-smoke";

const TEST_MS = 7 * 60_000;

/** How long the envelope may take from its queue to its end, in milliseconds. */
const END_MS = 60_000;
const LOOK_EVERY_MS = 1_000;

/**
 * The chart's own test, which goes through the gateway where there is one.
 *
 * @throws DeployError with what the test printed
 */
export async function helmTest(target: Target, { run, interrupted }: World): Promise<void> {
  const options = { timeoutMs: TEST_MS, signal: interrupted };
  const { code, err } = await run(smokeCommand(target), options);
  if (code === 0) return;
  const selector = `app.kubernetes.io/instance=${target.release},app.kubernetes.io/component=test`;
  const { out } = await run([...target.kubectl, "logs", "-l", selector, "--tail=20"]);
  throw new DeployError(
    `it is installed, but its test fails:\n${err.trim()}\n${out.trim()}`,
    shellLine(smokeCommand(target)),
  );
}

/** The actor and its handler, a module in base64 that answers with its input. */
export function smokeObjects(module: string, transport: string): object[] {
  const labels = { "app.kubernetes.io/component": "test" };
  const metadata = { name: ACTOR, labels };
  const configMap = { name: ACTOR, key: "echo.wasm" };
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata, binaryData: { "echo.wasm": module } },
    {
      apiVersion: "asya.sh/v1alpha1",
      kind: "AsyncActor",
      metadata,
      spec: { transport, handler: { wasm: { module: { configMap } } } },
    },
  ];
}

/** @throws DeployError when the file does not come, in time */
async function untilKept(id: string, inCrew: readonly string[], { run }: World): Promise<void> {
  const end = performance.now() + END_MS;
  while (performance.now() < end) {
    const { out } = await run([...inCrew, "find", "/results", "-name", `*${id}*`]);
    if (out.trim() !== "") return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new DeployError(`it is installed, but envelope ${id} has not come to happy-end`);
}

/**
 * An envelope where there is no gateway: sent from the container of happy-end, which has the
 * broker's credentials, and looked for in the folder of its results.
 *
 * @returns what was seen
 * @throws DeployError, ToolError
 */
export async function queueTest(target: Target, world: World): Promise<string> {
  const { run, interrupted: signal } = world;
  const kubectl = [...target.kubectl];
  const crew = await outputOf(run, [...kubectl, "get", "asya", "happy-end", "-o", "json"]);
  const { spec: { transport } } = JSON.parse(crew);
  const module = (await Deno.readFile(join(CHART, "files", "echo.wasm"))).toBase64();
  const objects = { apiVersion: "v1", kind: "List", items: smokeObjects(module, transport) };
  const input = JSON.stringify(objects);
  const selector = "asya.sh/actor=happy-end";
  const pod = (await outputOf(run, [...kubectl, "get", "pods", "-l", selector, "-o", "name"]))
    .split("\n")[0]!;
  const inCrew = [...kubectl, "exec", pod, "-c", "asya-sidecar", "--"];
  const hasFolder = (await run([...inCrew, "test", "-d", "/results"])).code === 0;
  if (!hasFolder) return "the crew is ready; its results go to a bucket, where nobody looked";
  try {
    await outputOf(run, [...kubectl, "apply", "-f", "-"], { input, signal });
    const wait = ["wait", "--for=condition=Ready", `asya/${ACTOR}`, "--timeout=120s"];
    await outputOf(run, [...kubectl, ...wait], { timeoutMs: 130_000, signal });
    const id = crypto.randomUUID();
    const envelope = { id, route: { actors: [ACTOR], current: 0 }, payload: { hello: id } };
    const send = ["sh", "/app/start", "send", ACTOR, JSON.stringify(envelope)];
    await outputOf(run, [...inCrew, "env", "TMPDIR=/tmp/send", ...send], { signal });
    await untilKept(id, inCrew, world);
    return `envelope ${id} went through its actor to happy-end`;
  } finally {
    await run([...kubectl, "delete", `asya/${ACTOR}`, `configmap/${ACTOR}`, "--ignore-not-found"]);
  }
}
