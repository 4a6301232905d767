import assert from "node:assert/strict";
import { openScreen } from "./screen.ts";
import type { ActorState } from "./table.ts";
import { recorder } from "./testing/project.ts";

function state(done: number): ActorState {
  const counts = { inFlight: 0, done, failed: 0, retried: 0, rate: 0, starts: 1 };
  return { name: "prep", kind: "python", phase: "ready", ...counts };
}

Deno.test("openScreen() on no terminal appends lines, phases among them", () => {
  const output = recorder();
  const screen = openScreen("lines", () => [], output);
  screen.line("hello", { actor: "prep" });
  screen.phase("prep", "crashed", "exit code 1");
  screen.close();
  assert.equal(output.text, "prep │ hello\nprep │ crashed: exit code 1\n");
});

Deno.test("openScreen() on a terminal draws the table anew below each line", () => {
  const output = recorder();
  let done = 1;
  const screen = openScreen("live", () => [state(done)], output);
  screen.line("first");
  done = 2;
  screen.line("second");
  screen.phase("prep", "ready");
  screen.close();
  const [before, after] = output.text.split("\x1b[2A\r\x1b[J");
  assert.match(before!, /^first\nactor .*\nprep .* 1 .*\n$/);
  assert.match(after!, /^second\nactor .*\nprep .* 2 .*\n$/);
});

Deno.test("openScreen() lets no control character of a handler reach the terminal", () => {
  const output = recorder();
  const screen = openScreen("lines", () => [], output);
  screen.line("a\x1b[2Jb\x07\rc");
  assert.equal(output.text, "abc\n");
});
