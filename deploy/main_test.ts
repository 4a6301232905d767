import assert from "node:assert/strict";
import { COMMANDS, runCommand } from "./main.ts";
import { openTerminal } from "./terminal.ts";
import { type Run, ToolError } from "./tool.ts";

const NOTHING: Run = ([program]) =>
  Promise.reject(new ToolError("missing", `${program} is not installed`));

async function result(argv: readonly string[], run: Run = NOTHING) {
  let out = "";
  let notes = "";
  const code = await runCommand(argv, {
    run,
    terminal: openTerminal((text) => out += text, { live: false, colours: false }),
    env: {},
    interrupted: new AbortController().signal,
  }, (text) => notes += `${text}\n`);
  return { code, out, notes };
}

Deno.test("runCommand() prints the help of every command, examples first", async () => {
  for (const { name } of COMMANDS) {
    const { code, out } = await result([name, "--help"]);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^deno task ${name}: .*\\n\\nExamples\\n {2}deno task ${name}`));
  }
});

Deno.test("runCommand() ends with 2 for a wrong command line", async () => {
  assert.equal((await result(["delpoy"])).code, 2);
  const { code, notes } = await result(["deploy", "--profile", "huge"]);
  assert.equal(code, 2);
  assert.match(notes, /minimal, standard, full/);
  assert.equal((await result(["build", "--push"])).code, 2);
});

Deno.test("runCommand(deploy) lists what is missing on a bare machine, and starts nothing", async () => {
  const { code, out, notes } = await result(["deploy", "--yes"]);
  assert.equal(code, 1);
  assert.match(out, /no {2}kubectl is not installed\n {8}see https/);
  assert.match(out, /no {2}helm is not installed/);
  assert.match(notes, /2 problems to mend first; nothing was changed/);
});

Deno.test("runCommand(build) says what to install where nothing builds images", async () => {
  const { code, notes } = await result(["build"]);
  assert.equal(code, 1);
  assert.match(notes, /docker: is not installed[\s\S]*apt-get install podman/);
});
