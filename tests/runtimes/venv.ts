/** A Python with an example's packages, made once for a machine. */

import { createHash } from "node:crypto";

/** A cold cache and a slow network. */
const INSTALL_MS = 240_000;

/** An interpreter, or why there is none. */
export type Venv = { readonly python: string } | { readonly reason: string };

/**
 * The interpreter of a virtual environment that holds what a requirements file names, without the
 * dependencies of those; in `~/.cache/asya-tests`, under a name that changes with the file.
 */
export async function venvWith(requirements: string): Promise<Venv> {
  const cache = `${Deno.env.get("HOME")}/.cache/asya-tests`;
  const hash = createHash("sha256").update(await Deno.readFile(requirements)).digest("hex");
  const folder = `${cache}/venv-${hash.slice(0, 12)}`;
  const python = `${folder}/bin/python`;
  if (await exists(python)) return { python };
  await Deno.mkdir(cache, { recursive: true });
  const beside = await Deno.makeTempDir({ dir: cache, prefix: "venv-new-" });
  try {
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    const bounds = ["--retries", "1", "--timeout", "15", "--no-deps", "-r", requirements];
    const reason = await failureOf("python3", ["-m", "venv", beside]) ??
      await failureOf(`${beside}/bin/python`, [...pip, ...bounds]);
    if (reason !== undefined) return { reason };
    await Deno.rename(beside, folder);
  } catch (error) {
    if (!await exists(python)) throw error; // else another run was faster
  } finally {
    await Deno.remove(beside, { recursive: true }).catch(ignoreMissing);
  }
  return { python };
}

/** The last line that a command says when it fails; undefined when it does not. */
async function failureOf(command: string, args: string[]): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command(command, {
      args,
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(INSTALL_MS),
    }).output();
    if (success) return undefined;
    return new TextDecoder().decode(stderr).trim().split("\n").at(-1) || `${command} failed`;
  } catch (error) {
    return `${command}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, ignoreMissing) ?? false;
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
