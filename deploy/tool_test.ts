import assert from "node:assert/strict";
import { outputOf, runTool, ToolError } from "./tool.ts";

const isToolError = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof ToolError && error.code === code && message.test(error.message);

Deno.test("runTool() gives input, and returns what was printed and the exit code", async () => {
  const ran = await runTool(["sh", "-c", "cat; echo no >&2; exit 3"], { input: "in" });
  assert.deepEqual(ran, { code: 3, out: "in", err: "no\n" });
});

Deno.test("runTool() names a program that is not there", async () => {
  await assert.rejects(runTool(["asya-no-such-tool"]), isToolError("missing", /asya-no-such-tool/));
});

Deno.test("runTool() ends a program that takes too long, or that nobody wants any more", async () => {
  const sleep = ["sleep", "30"];
  await assert.rejects(runTool(sleep, { timeoutMs: 50 }), isToolError("timeout", /0\.05 s/));
  const stop = new AbortController();
  const running = runTool(sleep, { signal: stop.signal });
  stop.abort();
  await assert.rejects(running, isToolError("interrupted", /interrupted/));
});

Deno.test("outputOf() fails with the program's own words", async () => {
  assert.equal(await outputOf(runTool, ["echo", "x"]), "x\n");
  const failing = outputOf(runTool, ["sh", "-c", "echo why >&2; exit 1"]);
  await assert.rejects(
    failing,
    (error: unknown) => error instanceof ToolError && error.said === "why",
  );
});
