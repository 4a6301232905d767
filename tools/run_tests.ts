/**
 * All tests that can run on this machine, and one closing line that counts them.
 * `deno task test [FILTER...]`: the arguments go to `deno test`.
 */

const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed(?:.*?\| (\d+) ignored)?/;
const ESCAPES = new RegExp(String.raw`\u001b\[[0-9;]*m`, "g");

const child = new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--parallel", "--sanitize-ops", "--sanitize-resources", ...Deno.args],
  stdout: "piped",
  env: { DENO_JOBS: Deno.env.get("DENO_JOBS") ?? "2" },
}).spawn();

let counted: RegExpExecArray | undefined;
let rest = "";
for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
  await Deno.stdout.write(new TextEncoder().encode(chunk));
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) counted = SUMMARY.exec(line.replaceAll(ESCAPES, "")) ?? counted;
}
const { code } = await child.status;
const [, passed = "0", failed = code === 0 ? "0" : "1", skipped = "0"] = counted ?? [];
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
Deno.exit(code);
