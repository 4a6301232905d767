/** What is promised when several processes share a broker, and when some of them are killed. */

import assert from "node:assert/strict";
import { type Define, drain, put, soon, type Subject, textOf, until } from "./subject.ts";

const CHILD = new URL("./child.ts", import.meta.url).pathname;

/** A child process at work, and the lines it has printed. */
export interface Child {
  readonly lines: string[];
  /** Resolves when it has ended by itself, to its exit code. */
  readonly ended: Promise<number>;
  /** `kill -9`, then everything that it had printed is in `lines`. */
  kill(): Promise<void>;
}

/** Starts `child.ts` on the subject's broker. */
export function start({ env }: Pick<Subject, "env">, ...args: string[]): Child {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", CHILD, ...args],
    env: { ...env },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines: string[] = [];
  const reading = (async () => {
    let rest = "";
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    }
  })();
  return {
    lines,
    ended: process.status.then(async ({ code }) => {
      await reading;
      return code;
    }),
    kill: async () => {
      process.kill("SIGKILL");
      await process.status;
      await reading;
    },
  };
}

/** Registers the cases. */
export function processes(define: Define): void {
  define("receive() gets at once what a killed process held", async (subject) => {
    const work = await subject.queue("work");
    await put(work, "work", "a", "b", "c");
    const child = start(subject, "hold", "work", "3");
    try {
      await until(() => child.lines.length === 3, "the child holds everything");
    } finally {
      await child.kill();
    }
    const killed = performance.now();
    assert.deepEqual((await drain(work, 3)).sort(), ["a", "b", "c"]);
    assert.ok(performance.now() - killed < 10_000, "waited for a lease to expire");
  });

  define("receive() in two processes delivers nothing twice", async (subject) => {
    const work = await subject.queue("work");
    const done = await subject.queue("done");
    const texts = Array.from({ length: 2000 }, (_, i) => String(i));
    await put(work, "work", ...texts);
    const children = [0, 1].map(() => start(subject, "relay", "work", "done", "10"));
    try {
      const seen: string[] = [];
      const settled: Promise<unknown>[] = [];
      const stop = new AbortController();
      const counting = (async () => {
        for await (const d of done.receive({ prefetch: () => 100, signal: stop.signal })) {
          settled.push(done.complete(d, []));
          if (seen.push(textOf(d)) === texts.length) stop.abort();
        }
      })();
      await soon(counting, `${texts.length} messages`).finally(() => stop.abort());
      await Promise.all(settled);
      assert.deepEqual(seen.sort(), texts.sort());
      const { ready } = await done.depth("done");
      assert.equal(ready, 0, "more messages came than were sent");
    } finally {
      for (const child of children) await child.kill();
    }
  });

  define("send() loses nothing acknowledged when its process is killed", async (subject) => {
    await subject.queue("work");
    const acknowledged: string[] = [];
    for (let round = 0; round < 5; round++) {
      const child = start(subject, "send", "work", `round${round}`);
      try {
        const enough = 20 + Math.random() * 400;
        await until(() => child.lines.length > enough, "some sends are acknowledged");
      } finally {
        await child.kill();
      }
      acknowledged.push(...child.lines);
    }
    const work = (await subject.reopen()).queue("work");
    const { ready } = await work.depth("work");
    const found = new Set(await drain(work, ready));
    assert.deepEqual(acknowledged.filter((text) => !found.has(text)), []);
  });

  define("complete() of 10,000 messages loses none while consumers are killed", async (subject) => {
    const [total, kills, prefetch] = [10_000, 6, 20];
    const work = await subject.queue("work");
    const done = await subject.queue("done");
    for (let from = 0; from < total; from += 1000) {
      await put(work, "work", ...Array.from({ length: 1000 }, (_, i) => String(from + i)));
    }
    const relay = () => start(subject, "relay", "work", "done", String(prefetch));
    const children = [relay(), relay()];
    const times = new Map<string, number>();
    const stop = new AbortController();
    const counting = (async () => {
      for await (const d of done.receive({ prefetch: () => 100, signal: stop.signal })) {
        times.set(textOf(d), (times.get(textOf(d)) ?? 0) + 1);
        void done.complete(d, []);
        if (times.size === total) stop.abort();
      }
    })();
    try {
      for (let i = 1; i <= kills; i++) {
        await until(() => times.size >= i * total / (kills + 2), `time for kill ${i}`);
        await children.shift()!.kill();
        children.push(relay());
      }
      await soon(counting, `${total} messages`);
    } finally {
      stop.abort();
      for (const child of children) await child.kill();
    }
    const { ready } = await done.depth("done");
    const duplicates = [...times.values()].reduce((sum, n) => sum + n - 1, ready);
    assert.ok(duplicates <= kills * prefetch, `${duplicates} duplicates`);
  });
}
