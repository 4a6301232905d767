import assert from "node:assert/strict";
import { startLocal } from "@asya/local";
import { project, pythonActor, until } from "../project.ts";
import { bytes, runningIn } from "../running.ts";

/** Mounts and unmounts; false where this user may not. */
function mount(command: "mount" | "umount", ...args: readonly string[]): boolean {
  const quiet = { stdout: "null", stderr: "null" } as const;
  return new Deno.Command(command, { args: [...args], ...quiet }).outputSync().success;
}

function mayMount(): boolean {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const dir = Deno.makeTempDirSync({ prefix: "asya-mount-" });
  const may = mount("mount", "-t", "tmpfs", "tmpfs", dir) && mount("umount", dir);
  Deno.removeSync(dir);
  return may;
}

const MOUNTS = mayMount();
const WHY_NOT = MOUNTS ? "" : " (left out: this user may not mount a file system)";

/** A disk of its own below a folder that runs. */
function smallDisk(dir: string) {
  assert.ok(mount("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", dir));
  return { [Symbol.dispose]: () => assert.ok(mount("umount", dir)) };
}

/** Writes until nothing fits any more. */
async function fill(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  for (const size of [1 << 20, 1 << 12, 1]) {
    const zeros = new Uint8Array(size);
    try {
      for (let n = 0; n < 100_000; n++) await file.write(zeros);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSPC") throw error;
    }
  }
}

const FILES: Readonly<Record<string, string>> = {
  "actors.yaml": pythonActor("slow", "slow.process"),
  "slow.py": "import time\ndef process(payload):\n    time.sleep(0.02)\n    return payload\n",
};

async function write(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${dir}/${name}`, text);
  }
}

Deno.test({
  name:
    `startLocal() refuses envelopes on a full disk, loses none, and goes on when there is room${WHY_NOT}`,
  ignore: !MOUNTS,
  async fn() {
    await using folder = await project({});
    const { dir } = folder;
    using _disk = smallDisk(dir);
    await write(dir, FILES);
    await runningIn(dir, async ({ local, transport, result, stillGood }) => {
      const queue = transport.queue("slow");
      const accepted: string[] = [];
      const refused: string[] = [];
      let message = "";
      const filler = "x".repeat(10_000);
      const send = async (id: string) => {
        const body = bytes(`{"id":"${id}","route":{"actors":["slow"]},"payload":"${filler}"}`);
        const [sent] = await queue.send([{ actor: "slow", body, messageId: id }]);
        (sent!.ok ? accepted : refused).push(id);
        if (!sent!.ok) message = sent!.error.message;
      };
      for (let n = 0; n < 30; n++) await send(`early-${n}`);
      await fill(`${dir}/filler`);
      for (let n = 0; n < 1_000 && refused.length < 3; n++) await send(`late-${n}`);
      assert.match(message, /asya\.db is full; make room, work goes on by itself/);
      await assert.rejects(local.send(["slow"], "1"), { name: "SendError", message: /full|room/ });
      await until(
        "it shows that the disk is full",
        () => local.actors().some(({ trouble }) => trouble?.includes("is full; make room")),
        8_000,
      );

      await Deno.remove(`${dir}/filler`);
      for (const id of accepted) {
        assert.equal(new TextDecoder().decode((await result(id)).payload), `"${filler}"`);
      }
      await stillGood("slow");
      assert.deepEqual(await local.deadLetters("slow").list(1), []);
      await queue.close();
    });
  },
});

Deno.test({
  name: `startLocal() keeps results for later while the disk for them is full${WHY_NOT}`,
  ignore: !MOUNTS,
  async fn() {
    await using folder = await project(FILES);
    const { dir } = folder;
    const results = `${dir}/.asya/results`;
    await Deno.mkdir(results, { recursive: true });
    using _disk = smallDisk(results);
    await Deno.mkdir(`${results}/happy-end`);
    await runningIn(dir, async ({ local, put, result, stillGood }) => {
      await fill(`${results}/filler`);
      const ids = ["a", "b", "c"];
      const envelope = (id: string) =>
        bytes(`{"id":"${id}","route":{"actors":["slow"]},"payload":"${"x".repeat(10_000)}"}`);
      await put("slow", ...ids.map(envelope));
      const happyEnd = () => local.actors().find(({ name }) => name === "happy-end")!;
      await until("happy-end has tried to keep all", () => happyEnd().retried >= 3, 8_000);
      assert.equal(happyEnd().done, 0);
      await Deno.remove(`${results}/filler`);
      for (const id of ids) assert.equal((await result(id)).payload.length, 10_002);
      await stillGood("slow");
    });
  },
});

/** Permissions bind all but the superuser, who needs a mount for it. */
const READ_ONLY = MOUNTS || Deno.uid() !== 0;

async function writable(dir: string, yes: boolean): Promise<void> {
  if (MOUNTS) assert.ok(mount("mount", "-o", yes ? "remount,rw" : "remount,ro", dir));
  else await Deno.chmod(dir, yes ? 0o755 : 0o555);
}

Deno.test({
  name: `startLocal() says that its folder is read-only${READ_ONLY ? "" : WHY_NOT}`,
  ignore: !READ_ONLY,
  async fn() {
    await using folder = await project({});
    const { dir } = folder;
    using _disk = MOUNTS ? smallDisk(dir) : undefined;
    await write(dir, FILES);
    await writable(dir, false);
    await assert.rejects(startLocal({ dir, port: 0 }), {
      name: "LocalError",
      code: "not_writable",
      message: /^cannot write to .*\.asya: make the folder writable, or copy the project to one/,
    });
    await writable(dir, true);
    await runningIn(dir, ({ stillGood }) => stillGood("slow"));
  },
});
