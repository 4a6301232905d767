import assert from "node:assert/strict";
import { join } from "node:path";
import { HandlerProcess } from "./handler_process.ts";
import { findPython } from "./python.ts";
import { eventually, isAlive, makeProject } from "./testing/project.ts";

const RUNTIME = new URL("../runtime/python/asya_runtime.py", import.meta.url).pathname;

interface Started extends AsyncDisposable {
  readonly dir: string;
  readonly folder: string;
  readonly lines: string[];
  readonly process: HandlerProcess;
}

async function start(code: string): Promise<Started> {
  const { dir, ...project } = await makeProject({ "mine.py": code });
  const lines: string[] = [];
  const folder = join(dir, "socket");
  const inherited = Deno.env.toObject();
  const python = await findPython(inherited);
  const process = new HandlerProcess({
    python,
    command: [python.path, RUNTIME],
    env: { ...inherited, ASYA_HANDLER: "mine.process", ASYA_SOCKET_DIR: folder, PYTHONPATH: dir },
    cwd: dir,
    folder,
    say: (line) => lines.push(line),
  });
  return {
    dir,
    folder,
    lines,
    process,
    async [Symbol.asyncDispose]() {
      await process.stop(0);
      await project[Symbol.asyncDispose]();
    },
  };
}

const ECHO = "def process(payload):\n    return payload\n";

Deno.test("HandlerProcess starts anew when the sidecar removes runtime-ready", async () => {
  await using it = await start(ECHO);
  const { process, folder } = it;
  await eventually(() => process.state === "ready", "it is ready");
  const first = process.pid!;
  await Deno.remove(join(folder, "runtime-ready"));
  await eventually(() => process.state === "ready" && process.starts === 2, "the next one is");
  assert.notEqual(process.pid, first);
  assert.equal(await isAlive(first), false);
});

Deno.test("HandlerProcess ends what the handler started, too", async () => {
  await using it = await start(
    `import subprocess\nchild = subprocess.Popen(["sleep", "600"])\nprint("child", child.pid)\n${ECHO}`,
  );
  const { process, lines } = it;
  await eventually(() => process.state === "ready", "it is ready");
  const line = lines.find((line) => line.startsWith("child "))!;
  const child = Number(line.slice("child ".length));
  assert.equal(await isAlive(child), true);
  await process.stop(2_000);
  assert.equal(process.state, "stopped");
  await eventually(async () => !await isAlive(child), "the child is gone");
});

Deno.test("HandlerProcess kills what does not leave by itself", async () => {
  await using it = await start(
    `import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n` +
      `print("pid", os.getpid())\nimport time\ntime.sleep(600)\n`,
  );
  const { process } = it;
  await eventually(() => process.pid, "it runs");
  const pid = process.pid!;
  // What it printed is held back until it is ready: nobody has seen it start.
  assert.equal(process.state, "starting");
  await process.stop(50);
  assert.equal(await isAlive(pid), false);
});

Deno.test("HandlerProcess tells how the process ended, once what it said, and waits longer each time", async () => {
  await using it = await start("import os\nprint('on the way')\nos._exit(75)\n");
  const { process, lines } = it;
  await eventually(() => process.starts === 3, "it is started again");
  const told = lines.filter((line) => line.includes("exit code"));
  assert.deepEqual(told.slice(0, 2), [
    "the handler's process ended with exit code 75; starting again in 0.1 s",
    "the handler's process ended with exit code 75; starting again in 0.2 s",
  ]);
  assert.equal(lines.filter((line) => line === "on the way").length, 1);
});
