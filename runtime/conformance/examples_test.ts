/** The example runtimes in Go and Rust build and conform, where their compilers are. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Caller } from "./caller.ts";
import { Transcript } from "./peer.ts";
import { Subject } from "./subject.ts";
import { build, conformsTo, findCommand, here } from "./testing.ts";

const GO = findCommand("go", "version");
const RUSTC = findCommand("rustc", "--version");

const EXAMPLES = [
  { language: "Go", compiler: GO, folder: "go", args: ["build", "-o"] },
  { language: "Rust", compiler: RUSTC, folder: "rust", args: ["--edition=2021", "-O", "-o"] },
];

for (const { language, compiler, folder, args } of EXAMPLES) {
  Deno.test({
    name: `the runtime in ${language} conforms to PROTOCOL.md${
      compiler ? "" : " (no compiler here)"
    }`,
    ignore: compiler === undefined,
    fn: async () => {
      const out = await Deno.makeTempDir({ prefix: "asya" });
      const program = join(out, "runtime");
      try {
        const source = folder === "go" ? "." : "main.rs";
        await build(
          compiler!,
          [...args, program, source],
          here(`../../examples/runtimes/${folder}`),
        );
        await counts(program);
        await conformsTo({ command: [program], handler: "{}" }, ["batching", "out of memory"]);
      } finally {
        await Deno.remove(out, { recursive: true });
      }
    },
  });
}

/** The worked handler does its work. */
async function counts(program: string): Promise<void> {
  const target = { command: [program], handler: "{}" };
  await using subject = await Subject.ready(target, { handler: "words" });
  using caller = await Caller.open(subject.socket, new Transcript());
  const answer = await caller.one('{"text":"one Two  two\\nthree"}');
  assert.deepEqual(JSON.parse(answer), { words: 4, most: "two" });
}
