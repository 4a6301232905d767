import assert from "node:assert/strict";
import { createLogger } from "./log.ts";

function capture(level: "debug" | "info" | "warn" | "error") {
  const lines: string[] = [];
  const now = () => new Date(0);
  return { lines, log: createLogger({ level, now, write: (line) => lines.push(line) }) };
}

Deno.test("createLogger() writes one JSON object a line, with its fields", () => {
  const { lines, log } = capture("info");
  log.with({ actor: "prep" }).info("ready\nnow", { queue: "asya-prep" });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    {
      time: "1970-01-01T00:00:00.000Z",
      level: "info",
      message: "ready\nnow",
      actor: "prep",
      queue: "asya-prep",
    },
  ]);
  assert.ok(!lines[0]!.includes("\n"));
});

Deno.test("createLogger() drops what is below its level", () => {
  const { lines, log } = capture("warn");
  log.debug("no");
  log.info("no");
  log.warn("yes");
  log.error("yes");
  assert.equal(lines.length, 2);
});

Deno.test("createLogger() writes an error as name, message, code and cause, without its stack", () => {
  const { lines, log } = capture("info");
  const error = Object.assign(new Error("no room", { cause: new TypeError("disk") }), {
    code: "full",
  });
  log.error("failed", { error });
  assert.deepEqual(JSON.parse(lines[0]!).error, {
    name: "Error",
    message: "no room",
    code: "full",
    cause: { name: "TypeError", message: "disk" },
  });
});
