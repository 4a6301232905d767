import assert from "node:assert/strict";
import { BuildError, runCompiler } from "./compiler.ts";

const signal = new AbortController().signal;
const shell = (script: string, given = signal, env = {}) =>
  runCompiler("/bin/sh", ["-c", script], { cwd: "/", env, signal: given });

Deno.test("runCompiler() returns the words of one that succeeds, and gives it its environment", async () => {
  const words = await shell('echo "$WORD"; echo warning >&2', signal, { WORD: "out" });
  assert.equal(words, "out\nwarning");
});

Deno.test("runCompiler() fails with what the compiler printed and its exit code", async () => {
  await assert.rejects(shell("echo a.c:1:2: error >&2; exit 3"), (error) => {
    assert.ok(error instanceof BuildError);
    assert.deepEqual([error.code, error.exitCode], ["build_failed", 3]);
    assert.equal(error.message, "a.c:1:2: error\n/bin/sh ended with exit code 3");
    return true;
  });
});

Deno.test("runCompiler() keeps the beginning of many words", async () => {
  await assert.rejects(shell("echo first; yes | head -c 1000000; exit 1"), (error) => {
    assert.ok(error instanceof BuildError);
    assert.match(error.message, /^first\ny\n/);
    assert.match(error.message, /\n\(\d+ more bytes\)\n.* exit code 1$/);
    assert.ok(error.message.length < 9_000);
    return true;
  });
});

Deno.test("runCompiler() ends the compiler and what that started when it is told to", async () => {
  const stop = new AbortController();
  const dir = await Deno.makeTempDir({ prefix: "asya-compiler-" });
  try {
    const pipe = `${dir}/child`;
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const running = shell(`sleep 1000 & echo $! > ${pipe}; wait`, stop.signal);
    const child = Number(await Deno.readTextFile(pipe));
    stop.abort(new Error("stopped"));
    await assert.rejects(running, /stopped/);
    const gone = await new Deno.Command("sh", {
      // What ended may still have its entry, until its parent has looked.
      args: [
        "-c",
        `for n in $(seq 500); do
        case "$(cat /proc/${child}/stat 2>/dev/null)" in ""|*") Z "*) exit 0;; esac
        kill -0 ${child} 2>/dev/null || exit 0; sleep 0.01; done; exit 1`,
      ],
    }).output();
    assert.ok(gone.success, `process ${child} still runs`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
