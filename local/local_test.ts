import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { findRunning, startLocal } from "./mod.ts";
import {
  eventually,
  isAlive,
  makeProject,
  pythonActor,
  recorder,
  resultOf,
  type TestProject,
  whileRunning,
  writeSource,
} from "./testing/project.ts";

const HELLO = fileURLToPath(new URL("../examples/hello/", import.meta.url));

async function copyOf(folder: string): Promise<TestProject> {
  const files: Record<string, string> = {};
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile) files[name] = await Deno.readTextFile(join(folder, name));
  }
  return await makeProject(files);
}

async function call(url: string, name: string, args: unknown): Promise<string> {
  const response = await fetch(`${url}/tools/call`, {
    method: "POST",
    body: JSON.stringify({ name, arguments: args }),
  });
  const { content } = await response.json();
  return JSON.parse(content[0].text).envelope_id;
}

Deno.test("startLocal() runs the hello example, its handler in a ConfigMap, from call to result", async () => {
  await using project = await copyOf(HELLO);
  const { dir } = project;
  const began = performance.now();
  await whileRunning(dir, async (local) => {
    await local.ready();
    assert.ok(performance.now() - began < 5_000, "ready in time");
    assert.deepEqual(local.tools(), ["hello"]);
    const id = await call(local.url, "hello", { name: "Ada" });
    const envelope = await eventually(async () => {
      const body = await (await fetch(`${local.url}/envelopes/${id}`)).json();
      return body.status === "succeeded" && body;
    }, "the call succeeds");
    assert.deepEqual(envelope.result, { message: "Hello, Ada!" });
    assert.deepEqual(await resultOf(local, id), { message: "Hello, Ada!" });
    const code = await Deno.readTextFile(`${dir}/.asya/fs/hello-actor/app/handler.py`);
    assert.match(code, /^def process/);
    assert.deepEqual(await findRunning(dir), { pid: Deno.pid, url: local.url });
  });
  assert.equal(await findRunning(dir), undefined);
});

const ECHO = "def process(payload):\n    return {'v': 1, 'n': payload['n']}\n";

Deno.test("startLocal() reloads a changed handler and loses nothing of what flows meanwhile", async () => {
  await using project = await makeProject({
    "actor.yaml": pythonActor("echo", "echo.process"),
    "echo.py": ECHO,
  });
  const { dir } = project;
  await whileRunning(dir, async (local) => {
    await local.ready();
    const ids: string[] = [];
    const send = async () => void ids.push(await local.send(["echo"], `{"n":${ids.length}}`));
    for (let i = 0; i < 30; i++) await send();
    const { pid } = local.actors()[0]!;
    await writeSource(`${dir}/echo.py`, ECHO.replace("'v': 1", "'v': 2"));
    await eventually(async () => {
      await send();
      const { pid: now, phase } = local.actors()[0]!;
      return now !== undefined && now !== pid && phase === "ready";
    }, "another process is ready");
    await send();
    const results = await Promise.all(
      ids.map((id) => eventually(() => resultOf(local, id), `the result of ${id}`)),
    );
    assert.deepEqual(results.map(({ n }) => n), ids.map((_, n) => n));
    assert.equal(results.at(-1)?.v, 2);
    assert.equal(local.actors()[0]?.failed, 0);
  });
});

Deno.test("startLocal() takes up new and removed actors, and keeps all when a manifest is wrong", async () => {
  await using project = await makeProject({
    "a.yaml": pythonActor("first", "echo.process"),
    "echo.py": ECHO,
  });
  const { dir } = project;
  const names = (local: { actors(): { name: string }[] }) =>
    local.actors().map(({ name }) => name).join(" ");
  await whileRunning(dir, async (local) => {
    await local.ready();
    const { pid } = local.actors()[0]!;
    await writeSource(`${dir}/b.yaml`, pythonActor("second", "echo.process"));
    await eventually(() => names(local).includes("second"), "the new actor appears");
    await local.ready();
    const id = await local.send(["first", "second"], '{"n":7}');
    assert.equal((await eventually(() => resultOf(local, id), "its result")).n, 7);

    await writeSource(`${dir}/a.yaml`, pythonActor("first", "echo.process", "  concurency: 2\n"));
    await Deno.remove(`${dir}/b.yaml`);
    await writeSource(`${dir}/c.yaml`, pythonActor("third", "echo.process"));
    await writeSource(`${dir}/a.yaml`, pythonActor("first", "echo.process"));
    await eventually(() => names(local) === "first third happy-end error-end", "the third appears");
    assert.equal(local.actors()[0]?.pid, pid, "an actor that did not change keeps its process");
  });
});

const CRASHING = `import os
def process(payload):
    if payload.get("die"):
        os._exit(3)
    return payload
`;

Deno.test("startLocal() starts a crashed handler again; the envelope that kills it ends in error-end", async () => {
  await using project = await makeProject({
    "actor.yaml": pythonActor("fragile", "fragile.process"),
    "fragile.py": CRASHING,
  });
  const { dir } = project;
  await whileRunning(dir, async (local) => {
    await local.ready();
    const good = await local.send(["fragile"], '{"n":1}');
    const deadly = await local.send(["fragile"], '{"die":true}');
    const later = await local.send(["fragile"], '{"n":2}');
    const error = await eventually(() => resultOf(local, deadly, "error-end"), "error", 20_000);
    assert.equal(error.error, "connection_error");
    assert.deepEqual(await eventually(() => resultOf(local, good), "the good one"), { n: 1 });
    assert.deepEqual(await eventually(() => resultOf(local, later), "the later one"), { n: 2 });
    await eventually(() => local.actors()[0]!.starts >= 4, "once, and once after each attempt");
  });
});

Deno.test("startLocal() replaces a handler that hangs; its envelope ends in error-end, others pass", async () => {
  await using project = await makeProject({
    "actor.yaml": pythonActor(
      "hangs",
      "hangs.process",
      "  timeout: { processing: 1 }\n" +
        "  sidecar: { env: [{ name: ASYA_CANCEL_GRACE, value: 100ms }] }\n",
    ),
    "hangs.py":
      "import time\ndef process(p):\n    time.sleep(600 if p == 'hang' else 0)\n    return p\n",
  });
  const { dir } = project;
  await whileRunning(dir, async (local) => {
    await local.ready();
    const { pid } = local.actors()[0]!;
    const hanging = await local.send(["hangs"], '"hang"');
    const other = await local.send(["hangs"], '"go"');
    const error = await eventually(() => resultOf(local, hanging, "error-end"), "the error");
    assert.equal(error.error, "timeout_error");
    assert.equal(await eventually(() => resultOf(local, other), "the other one"), "go");
    assert.notEqual(local.actors()[0]?.pid, pid);
  });
});

Deno.test("startLocal() brings back a handler that was killed with its launcher", async () => {
  await using project = await makeProject({
    "actor.yaml": pythonActor("echo", "echo.process"),
    "echo.py": ECHO,
  });
  const { dir } = project;
  await whileRunning(dir, async (local) => {
    await local.ready();
    const { pid } = local.actors()[0]!;
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    const launcher = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    Deno.kill(launcher, "SIGKILL");
    await eventually(async () => !await isAlive(pid!), "the handler follows its launcher");
    const id = await local.send(["echo"], '{"n":1}');
    assert.equal((await eventually(() => resultOf(local, id), "the result")).n, 1);
  });
});

Deno.test("startLocal() shows why a handler cannot be imported, and recovers when it is mended", async () => {
  await using project = await makeProject({
    "actor.yaml": pythonActor("echo", "echo.process"),
    "echo.py": "import nothing_of_this_name\n",
  });
  const { dir } = project;
  const output = recorder();
  await whileRunning(dir, async (local) => {
    await assert.rejects(local.ready(), {
      name: "LocalError",
      code: "not_ready",
      message: /actor echo is crashed: the handler's process ended with exit code 1/,
    });
    await eventually(() => local.actors()[0]!.starts > 2, "it is tried again");
    await writeSource(`${dir}/echo.py`, ECHO);
    await eventually(() => local.actors()[0]?.phase === "ready", "it is ready");
  }, { console: "lines", output });
  const shown = output.text.match(/echo │ {3}File ".*echo.py", line 1, in <module>/g);
  assert.equal(shown?.length, 1, "the traceback once, however often the process was started");
});

const PLUGIN = `import { inputText, outputText } from "asya";
export function handle(): void { outputText('{"got":' + inputText() + "}"); }
`;

Deno.test("startLocal() builds a WASM handler from source, and keeps it when the next one does not build", async () => {
  const output = recorder();
  await using project = await makeProject({
    "actor.yaml": pythonActor("wrap", "x.y").replace(
      /python: .*/,
      "wasm: { module: { file: assembly/wrap.ts }, timeout: 10s } }",
    ),
    "assembly/wrap.ts": PLUGIN,
  });
  const { dir } = project;
  await whileRunning(dir, async (local) => {
    await local.ready(60_000);
    assert.deepEqual([local.actors()[0]?.kind, local.actors()[0]?.starts], ["wasm", 0]);
    const exact = '{"n":9007199254740993,"z":-0}';
    const first = await local.send(["wrap"], exact);
    await eventually(() => resultOf(local, first), "the result");
    const kept = await Deno.readTextFile(`${local.resultsDir}/happy-end/${first}.json`);
    assert.ok(kept.includes(`"payload":{"got":${exact}}`), "digits are kept");

    await writeSource(`${dir}/assembly/wrap.ts`, PLUGIN.replace("outputText(", "outputTxt("));
    await eventually(() => output.text.includes("not reloaded, the old one goes on"), "it says so");
    const second = await local.send(["wrap"], "2");
    assert.deepEqual(await eventually(() => resultOf(local, second), "it goes on"), { got: 2 });
  }, { console: "lines", output });
});

Deno.test("startLocal() refuses a second run of one folder, naming the first", async () => {
  await using project = await copyOf(HELLO);
  const { dir } = project;
  await whileRunning(dir, async ({ url }) => {
    await assert.rejects(startLocal({ dir, port: 0 }), {
      name: "LocalError",
      code: "already_running",
      message: new RegExp(`another dev already runs .* \\(process ${Deno.pid}, ${url}\\)`),
    });
  });
});

Deno.test("startLocal() says how to choose another port when it is in use", async () => {
  await using project = await copyOf(HELLO);
  const { dir } = project;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  await assert.rejects(startLocal({ dir, port }), {
    code: "port_in_use",
    message:
      `port ${port} is in use: choose another one with --port N, or any free one with --port 0`,
  });
  listener.close();
  await whileRunning(dir, (local) => local.ready(), { port });
});

Deno.test("startLocal() says in one line that Python is missing, or too old", async () => {
  await using project = await copyOf(HELLO);
  const { dir } = project;
  const old = `${dir}/old-python`;
  await Deno.writeTextFile(old, "#!/bin/sh\necho /usr/bin/python3\necho 3.7\n", { mode: 0o755 });
  const start = (path: string) => startLocal({ dir, port: 0, env: { ASYA_PYTHON: path } });
  const mend = "install Python 3.8 or newer, or set ASYA_PYTHON to its path";
  await assert.rejects(start("/no/python"), {
    code: "no_python",
    message: `handlers need /no/python: not found; ${mend}`,
  });
  await assert.rejects(start(old), {
    code: "no_python",
    message: `${old} is Python 3.7, too old; ${mend}`,
  });
});

Deno.test("startLocal() says that it cannot write its state", async () => {
  await using project = await copyOf(HELLO);
  const { dir } = project;
  await Deno.writeTextFile(`${dir}/.asya`, "in the way");
  await assert.rejects(startLocal({ dir, port: 0 }), {
    code: "not_writable",
    message: /^cannot write to .*\.asya: make the folder writable/,
  });
});

Deno.test("startLocal() refuses a folder that is none, or has no actors, or has mistakes", async () => {
  await assert.rejects(startLocal({ dir: "/no/such/folder" }), { code: "no_folder" });
  await using project = await makeProject({ "readme.txt": "" });
  const { dir } = project;
  await assert.rejects(startLocal({ dir }), { code: "no_actors" });
  await writeSource(`${dir}/a.yaml`, pythonActor("Bad Name", "nodot", "  tansport: x\n"));
  await assert.rejects(startLocal({ dir }), (error: Error) => {
    assert.equal(error.name, "ManifestError");
    assert.match(error.message, /a\.yaml:3:19: .*\n.*a\.yaml:6:30: .*\n.*a\.yaml:7:3: /);
    return true;
  });
});

Deno.test("startLocal() stops every process, and takes up what was left on the queue next time", async () => {
  await using project = await makeProject({
    "a.yaml": pythonActor("slow", "slow.process"),
    "slow.py": "import time\ndef process(p):\n    time.sleep(0.1)\n    return p\n",
  });
  const { dir } = project;
  const ids: string[] = [];
  let pid: number | undefined;
  await whileRunning(dir, async (local) => {
    await local.ready();
    for (let n = 0; n < 10; n++) ids.push(await local.send(["slow"], `{"n":${n}}`));
    pid = local.actors()[0]?.pid;
  });
  assert.ok(pid);
  assert.equal(await isAlive(pid), false);
  await whileRunning(dir, async (local) => {
    for (const id of ids) await eventually(() => resultOf(local, id), `the result of ${id}`);
  });
});
