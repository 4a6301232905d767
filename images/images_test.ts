import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openTransport, TRANSPORT_SETTINGS } from "@asya/transport";
import { readSettings } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { wrapScript } from "../plugins/script.ts";
import { bundlePrograms } from "./bundle.ts";

const START = fileURLToPath(new URL("./start", import.meta.url));
const TURN = 'export default (payload) => ({ turned: [...payload.word].reverse().join("") });';

/** A program of the bundles, started as its image does it. */
function start(program: string, env: Record<string, string>) {
  return new Deno.Command("/bin/sh", {
    args: [START, program],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH")!, DENO_V8_FLAGS: "--wasm-tiering-budget=1000", ...env },
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** One that has ended is told by its exit code. */
function stop(program: Deno.ChildProcess): void {
  try {
    program.kill("SIGTERM");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** Waits until a folder has a file, and reads it. */
async function onlyFile(folder: string): Promise<string> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const { stdout } = await new Deno.Command("find", { args: [folder, "-name", "*.json"] })
      .output();
    const [found] = new TextDecoder().decode(stdout).trim().split("\n");
    if (found) return await Deno.readTextFile(found);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`there is no file in ${folder}`);
}

Deno.test("bundlePrograms() makes a sidecar and a crew that carry an envelope, each with its own permissions alone", async () => {
  const folder = await Deno.makeTempDir();
  const path = (name: string) => join(folder, name);
  const [app, results, queues] = [path("app"), path("results"), path("queues")];
  await bundlePrograms(app, ["sidecar", "crew"]);
  for (const made of [results, queues, join(app, "cache"), path("1"), path("2"), path("plugin")]) {
    await Deno.mkdir(made);
  }
  const module = path("plugin/turn.wasm");
  await Deno.writeFile(module, wrapScript(TURN));
  const common = {
    ASYA_APP: app,
    ASYA_TRANSPORT: "sqlite",
    ASYA_SQLITE_PATH: join(queues, "queues.sqlite"),
    ASYA_QUEUE_AUTO_CREATE: "true",
    ASYA_METRICS_ADDR: "127.0.0.1:0",
    ASYA_LOG_LEVEL: "warn",
    ASYA_WASM_TIMEOUT: "30s", // on a busy machine
  };
  const programs = [
    start("crew", {
      ...common,
      TMPDIR: path("1"),
      ASYA_ACTOR_NAME: "happy-end",
      ASYA_RESULTS_DIR: results,
    }),
    start("sidecar", {
      ...common,
      TMPDIR: path("2"),
      ASYA_ACTOR_NAME: "turn",
      ASYA_WASM_MODULE: module,
    }),
  ];
  const settings = readSettings(TRANSPORT_SETTINGS, common);
  const transport = await openTransport(settings, createLogger({ level: "error" }));
  try {
    const body = { id: "e1", route: { actors: ["turn"], current: 0 }, payload: { word: "abc" } };
    await sendWhenThere(transport.queue("test"), new TextEncoder().encode(JSON.stringify(body)));
    assert.match(await onlyFile(results), /"turned":\s*"cba"/);
  } finally {
    for (const program of programs) stop(program);
    const codes = await Promise.all(programs.map(async (program) => (await program.status).code));
    await transport.close();
    await Deno.remove(folder, { recursive: true });
    assert.deepEqual(codes, [0, 0]);
  }
});

/** The sidecar makes its queue while it starts. */
async function sendWhenThere(
  queue: ReturnType<Awaited<ReturnType<typeof openTransport>>["queue"]>,
  body: Uint8Array,
): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const [sent] = await queue.send([{ actor: "turn", messageId: "m1", body }]);
    if (sent!.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the sidecar has made no queue");
}
