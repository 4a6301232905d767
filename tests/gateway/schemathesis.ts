/** Schemathesis, a fuzzer for OpenAPI documents: https://schemathesis.readthedocs.io. */

const VERSION = "4.32.5";
const INSTALL_MS = 240_000;

async function run(
  command: string,
  args: readonly string[],
  ms: number,
): Promise<{ readonly code: number; readonly text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    signal: AbortSignal.timeout(ms),
    cwd: await Deno.makeTempDir(), // where it writes what it has seen
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, text: decode(stdout) + decode(stderr) };
}

/** A Schemathesis of its own, or why there can be none. */
async function install(): Promise<{ readonly program: string } | { readonly missing: string }> {
  const home = Deno.env.get("HOME");
  if (home === undefined) return { missing: "needs HOME" };
  const folder = `${home}/.cache/asya-tests/schemathesis-${VERSION}`;
  const program = `${folder}/bin/schemathesis`;
  try {
    if ((await run(program, ["--version"], 60_000)).text.includes(VERSION)) return { program };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    const made = await run("python3", ["-m", "venv", folder], INSTALL_MS);
    if (made.code !== 0) return { missing: "python3 -m venv does not work" };
    const pip = ["install", "--quiet", `schemathesis==${VERSION}`];
    const { code } = await run(`${folder}/bin/pip`, pip, INSTALL_MS);
    return code === 0 ? { program } : { missing: "pip cannot install schemathesis" };
  } catch (error) {
    return { missing: `cannot install schemathesis: ${String(error)}` };
  }
}

const installed = await install();

/** Why it cannot run here; absent: it can. */
export const missing = "missing" in installed ? installed.missing : undefined;

/**
 * Sends requests made from a document, right and wrong ones, for a minute at most, and checks that
 * each answer is one that the document knows, and none a failure of the server's own.
 */
export async function fuzz(url: string): Promise<{ readonly code: number; readonly text: string }> {
  if ("missing" in installed) throw new Error(installed.missing);
  const checks = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
  ];
  return await run(installed.program, [
    "run",
    url,
    "--checks",
    checks.join(","),
    "--phases",
    "coverage,fuzzing",
    "--max-examples",
    "15",
    "--max-time",
    "45",
    "--request-timeout",
    "10",
    "--generation-database",
    "none",
    "--no-color",
    "--warnings",
    "off",
  ], 150_000);
}
