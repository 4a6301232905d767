import assert from "node:assert/strict";
import { handlerLines, screenLogger } from "./logger.ts";
import { openScreen } from "./screen.ts";
import { recorder } from "./testing/project.ts";

Deno.test("handlerLines() shows what the user's code says, and of the runtime what went wrong", () => {
  const json = (entry: object) => JSON.stringify({ time: "2026-01-01T00:00:00Z", ...entry });
  assert.deepEqual(handlerLines("printed"), [{ text: "printed" }]);
  assert.deepEqual(handlerLines('{"time": broken'), [{ text: '{"time": broken' }]);
  assert.deepEqual(handlerLines(json({ level: "info", message: "handler is ready" })), []);
  assert.deepEqual(handlerLines(json({ level: "info", message: "mine", logger: "app" })), [
    { text: "mine" },
  ]);
  const traceback = "Traceback:\n  line\n";
  assert.deepEqual(handlerLines(json({ level: "error", message: "bad", code: 3, traceback })), [
    { text: "bad  code=3", style: "red" },
    { text: "Traceback:" },
    { text: "  line" },
  ]);
});

Deno.test("screenLogger() writes warnings under the actor's name", () => {
  const output = recorder();
  const log = screenLogger(openScreen("lines", () => [], output), {}).with({ actor: "prep" });
  log.info("not shown");
  log.warn("slow", { ms: 7, error: new TypeError("why") });
  assert.equal(output.text, "prep │ slow  ms=7  error: why\n");
});
