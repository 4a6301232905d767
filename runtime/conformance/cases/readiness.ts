/** `runtime-ready`, the socket, loading, and what other lives leave behind. */

import { join } from "node:path";
import type { LifeCase, LifeScene } from "../case.ts";
import { Caller, readWelcome } from "../caller.ts";
import { expect, expectSame, Fault } from "../fault.ts";
import { Peer } from "../peer.ts";
import type { Subject } from "../subject.ts";
import { describeFrame, jsonOf, TYPE } from "../wire.ts";
import { pause, until } from "../wait.ts";
import { openLoading } from "./loading.ts";

const SLOW = { CONFORMANCE_LOAD: "slow" };

function lives(
  name: string,
  run: (scene: LifeScene) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
  handler = "echo",
): LifeCase {
  return { capability: "readiness", name, setup: { handler, env }, run };
}

async function echoes(subject: Subject, scene: LifeScene): Promise<void> {
  using caller = await Caller.open(subject.socket, scene.sent);
  expectSame(await caller.one('"ready"'), '"ready"', "an echo of");
}

/** Which file a path leads to: the number of a removed one may be given to the next. */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { ino, mtime } = await Deno.lstat(path);
    return `${ino} ${mtime?.getTime()}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

export const READINESS: readonly LifeCase[] = [
  lives("writes protocol, concurrency and mode into runtime-ready", async (scene) => {
    const subject = await scene.start({ ASYA_CONCURRENCY: "3" });
    await subject.isReady();
    const text = await subject.file("runtime-ready") ?? "";
    expectSame(jsonOf(text), { protocol: 2, concurrency: 3, mode: "payload" }, "runtime-ready");
  }),
  lives(
    "tells envelope mode in runtime-ready",
    async (scene) => {
      const subject = await scene.start();
      await subject.isReady();
      const { mode } = jsonOf(await subject.file("runtime-ready") ?? "") as { mode?: string };
      expectSame(mode, "envelope", "mode");
    },
    { ASYA_HANDLER_MODE: "envelope" },
    "envelope",
  ),
  lives("makes runtime-ready appear whole, and leaves no other file", async (scene) => {
    const folder = await Deno.makeTempDir({ prefix: "asya" });
    try {
      const seen: string[] = [];
      const watcher = Deno.watchFs(folder);
      const watching = (async () => {
        for await (const { paths } of watcher) {
          if (!paths.some((path) => path.endsWith("/runtime-ready"))) continue;
          seen.push(await Deno.readTextFile(join(folder, "runtime-ready")).catch(() => "gone"));
        }
      })();
      const subject = await scene.start({}, folder);
      await subject.isReady();
      const files = [...Deno.readDirSync(folder)].map((entry) => entry.name).toSorted();
      expectSame(files, ["asya-runtime.sock", "runtime-ready"], "files");
      await echoes(subject, scene);
      watcher.close();
      await watching;
      for (const text of seen) expect(text === "gone" || text.endsWith("}"), "whole JSON", text);
      subject.signal("SIGTERM");
      await subject.exit("an exit");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }),
  lives("listens before the handler is loaded, and is not ready", async (scene) => {
    const subject = await scene.start();
    using _peer = await openLoading(subject, scene.sent);
    expect(!await subject.has("runtime-ready"), "no runtime-ready while loading", "it is there");
    await subject.isReady();
    await echoes(subject, scene);
  }, SLOW),
  lives("says LOADING at once and each second, then WELCOME", async (scene) => {
    const subject = await scene.start();
    using peer = await openLoading(subject, scene.sent);
    const first = await peer.frameOf("LOADING", 1_500);
    expect(typeof first.head.message === "string", "{message}", describeFrame(first));
    const next = await peer.frame("LOADING again within 2 s", 2_000);
    if (next.type !== TYPE.WELCOME) {
      expect(next.type === TYPE.LOADING, "LOADING", describeFrame(next));
      await readWelcome(peer);
    } else throw new Fault("LOADING again while it loads for 2.5 s", describeFrame(next));
  }, SLOW),
  lives("removes what a killed process left, before it loads", async (scene) => {
    const folder = await Deno.makeTempDir({ prefix: "asya" });
    try {
      const first = await scene.start({ CONFORMANCE_LOAD: "" }, folder);
      await first.isReady();
      first.signal("SIGKILL");
      await first.exit("an end by SIGKILL");
      expect(await first.has("runtime-ready"), "a stale runtime-ready to begin with", "none");
      await first.sayDone();
      const second = await scene.start({}, folder);
      const peer = await openLoading(second, scene.sent);
      for (const name of ["runtime-ready", "sidecar-done"]) {
        expect(!await second.has(name), `no stale ${name}`, "it is there");
      }
      peer[Symbol.dispose]();
      await second.isReady();
      await echoes(second, scene);
      second.signal("SIGTERM");
      await second.exit("an exit");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }, SLOW),
  lives("replaces a file that lies where its socket has to be", async (scene) => {
    const folder = await Deno.makeTempDir({ prefix: "asya" });
    try {
      await Deno.writeTextFile(join(folder, "asya-runtime.sock"), "no socket");
      const subject = await scene.start({}, folder);
      await subject.isReady();
      await echoes(subject, scene);
      subject.signal("SIGTERM");
      await subject.exit("an exit");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }),
  lives("starts again and again in one folder", async (scene) => {
    const folder = await Deno.makeTempDir({ prefix: "asya" });
    try {
      for (let i = 0; i < 3; i++) {
        const subject = await scene.start({}, folder);
        await subject.isReady();
        await echoes(subject, scene);
        subject.signal("SIGTERM");
        expectSame(await subject.exit("an exit"), 0, "exit code");
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }),
  lives("leaves one that answers when two are started on one socket", async (scene) => {
    const folder = await Deno.makeTempDir({ prefix: "asya" });
    try {
      const first = await scene.start({}, folder);
      await first.isReady();
      const before = await identity(join(folder, "runtime-ready"));
      const second = await scene.start({}, folder);
      await until(async () => {
        const now = await identity(join(folder, "runtime-ready"));
        return second.exited || (now !== undefined && now !== before) || undefined;
      }, "the second to leave, or to take over");
      if (second.exited) {
        expectSame(await second.exit("an exit"), 1, "exit code of the second");
        await echoes(first, scene);
      } else {
        first.signal("SIGTERM");
        await first.exit("an exit of the first");
        expect(await second.has("runtime-ready"), "the second's runtime-ready", "none");
        await echoes(second, scene);
      }
      for (const one of [first, second]) one.signal("SIGTERM");
      await Promise.all([first.exit("an exit"), second.exit("an exit")]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }),
  lives("gives its socket the mode of ASYA_SOCKET_CHMOD", async (scene) => {
    for (const mode of [0o600, 0o660]) {
      const subject = await scene.start({ ASYA_SOCKET_CHMOD: `0o${mode.toString(8)}` });
      await subject.isReady();
      const found = (await Deno.lstat(subject.socket)).mode! & 0o777;
      expectSame(found.toString(8), mode.toString(8), "mode");
    }
    const subject = await scene.start();
    await subject.isReady();
    const found = (await Deno.lstat(subject.socket)).mode! & 0o777;
    expectSame(found.toString(8), "666", "mode where nothing is said");
  }),
  lives("listens under ASYA_SOCKET_NAME", async (scene) => {
    const subject = await scene.start({ ASYA_SOCKET_NAME: "other.sock" });
    await subject.isReady();
    expect(subject.socket.endsWith("/other.sock"), "other.sock", subject.socket);
    await echoes(subject, scene);
  }),
  lives("makes a socket folder that is not there", async (scene) => {
    const folder = await Deno.makeTempDir({ prefix: "asya" });
    try {
      const inner = join(folder, "a", "b");
      const subject = await scene.start({ ASYA_SOCKET_DIR: inner }, folder);
      await until(async () => await identity(join(inner, "runtime-ready")), "runtime-ready");
      await echoes(subject, scene);
      subject.signal("SIGTERM");
      await subject.exit("an exit");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }),
  lives("outlives probes that connect and close, before and after it is ready", async (scene) => {
    const subject = await scene.start();
    (await openLoading(subject, scene.sent))[Symbol.dispose]();
    for (let i = 0; i < 20; i++) (await Peer.open(subject.socket, scene.sent))[Symbol.dispose]();
    await subject.isReady();
    for (let i = 0; i < 20; i++) (await Peer.open(subject.socket, scene.sent))[Symbol.dispose]();
    await pause(20);
    await echoes(subject, scene);
  }, SLOW),
];
