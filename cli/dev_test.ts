import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeHello } from "./testing/hello.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/** `asya dev` as a process of its own; its output grows in `text`. */
class Dev implements AsyncDisposable {
  text = "";
  readonly child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  #heard = Promise.withResolvers<void>();

  constructor(dir: string) {
    this.child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--unstable-worker-options", MAIN, "dev", dir, "--port", "0"],
      env: { NO_COLOR: "1", XDG_RUNTIME_DIR: dir },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#read = Promise.all([this.#hear(this.child.stdout), this.#hear(this.child.stderr)]);
  }

  async #hear(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.text += chunk;
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    }
    this.#heard.resolve();
  }

  /** Waits for the output to have this. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const late = setTimeout(() => this.child.kill("SIGKILL"), 60_000);
    const ended = this.child.status.then(() => "ended");
    try {
      for (;;) {
        const found = pattern.exec(this.text);
        if (found) return found;
        if (await Promise.race([this.#heard.promise, ended]) === "ended") {
          await this.#read;
          throw new Error(`it never said ${pattern}: ${this.text}`);
        }
      }
    } finally {
      clearTimeout(late);
    }
  }

  async ended(): Promise<Deno.CommandStatus> {
    const status = await this.child.status;
    await this.#read;
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended
    }
    await this.ended();
  }
}

async function parentOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]);
}

async function isAlive(pid: number): Promise<boolean> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    return stat[stat.lastIndexOf(")") + 2] !== "Z";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function isGone(pid: number): Promise<boolean> {
  const until = performance.now() + 10_000;
  while (await isAlive(pid)) {
    if (performance.now() > until) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

/** The handler's process and its launcher; the test's socket folder is under the project's. */
async function processes(dir: string): Promise<number[]> {
  for await (const { name } of Deno.readDir(dir)) {
    if (!name.startsWith("asya-")) continue;
    const pid = Number(await Deno.readTextFile(join(dir, name, "hello-actor/handler.pid")));
    return [pid, await parentOf(pid)];
  }
  throw new Error("no socket folder");
}

Deno.test("asya dev drains on SIGTERM, exits 0 and leaves nothing running", async () => {
  await using hello = await makeHello();
  await using dev = new Dev(hello.dir);
  await dev.says(/ready in/);
  assert.match(dev.text, /hello-actor │ code from .*ConfigMap hello-handler/);
  assert.match(dev.text, /gateway http:\/\/127\.0\.0\.1:[0-9]+ /);
  assert.match(dev.text, /try: asya call hello --dir /);
  const pids = await processes(hello.dir);
  dev.child.kill("SIGTERM");
  assert.equal((await dev.ended()).code, 0);
  assert.match(dev.text, /stopped; nothing keeps running\n$/);
  for (const pid of pids) assert.equal(await isAlive(pid), false);
});

Deno.test("asya dev killed with -9 leaves no process, and the next one starts", async () => {
  await using hello = await makeHello();
  {
    await using dev = new Dev(hello.dir);
    await dev.says(/ready in/);
    const pids = await processes(hello.dir);
    assert.deepEqual(await Promise.all(pids.map(isAlive)), [true, true]);
    dev.child.kill("SIGKILL");
    await dev.ended();
    for (const pid of pids) assert.ok(await isGone(pid), `process ${pid} is gone`);
  }
  await using dev = new Dev(hello.dir);
  await dev.says(/ready in/);
});

Deno.test("asya dev shows every mistake of a manifest with its line and exits 1", async () => {
  await using hello = await makeHello();
  const path = join(hello.dir, "actor.yaml");
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(
    path,
    text
      .replace("transport: rabbitmq", "transprot: rabbitmq")
      .replace("queueLength: 5", 'queueLength: "5"')
      .replace("minReplicas: 0", "minReplicas: -1")
      .replace("name: asya-runtime", "name: runtime")
      .replace("value: handler.process", "value: 7"),
  );
  await using dev = new Dev(hello.dir);
  assert.equal((await dev.ended()).code, 1);
  const lines = [...dev.text.matchAll(/actor\.yaml:([0-9]+):[0-9]+: .*\(.*\)/g)];
  assert.deepEqual(lines.map(([, line]) => line), ["16", "19", "21", "26", "31"], dev.text);
});
