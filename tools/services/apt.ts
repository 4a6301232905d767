/** Installs Debian packages for a test run, without letting it start a system service. */

const LIMIT_MS = 600_000;
const LOCK_TRIES = 20;
const LOCK_PAUSE_MS = 3_000;

/** Asked by packages whether they may start services; this one says no (101). */
const POLICY_PATH = "/usr/sbin/policy-rc.d";
const POLICY = "#!/bin/sh\n# for the time of one installation by a test run\nexit 101\n";

/** The arguments of `apt-get` that install packages and what they cannot do without. */
export function installArguments(...names: readonly string[]): string[] {
  const lock = ["-o", "DPkg::Lock::Timeout=120"];
  // What conflicts with something that is here is not worth losing that.
  const gently = ["--no-install-recommends", "--no-remove"];
  return ["install", "--yes", "--quiet", ...gently, ...lock, ...names];
}

/** Why this process cannot install packages; undefined where it can. */
export async function noAptReason(path = Deno.env.get("PATH") ?? ""): Promise<string | undefined> {
  if (Deno.build.os !== "linux" || !await anyIsFile(path, "apt-get")) return "no apt-get here";
  if (Deno.uid() !== 0) return "apt-get needs root";
  return undefined;
}

let turn: Promise<unknown> = Promise.resolve();

/**
 * Runs what uses apt when nothing else of this process does: an update may clear away what another
 * installation has just downloaded.
 */
export function inAptTurn<T>(run: () => Promise<T>): Promise<T> {
  const result = turn.then(run);
  turn = result.catch(() => undefined); // its own caller is told
  return result;
}

/** Installs packages, all or none. Rejects with the end of apt's words where that fails. */
export function aptInstall(...names: readonly string[]): Promise<void> {
  return inAptTurn(() => install(names));
}

async function install(names: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const update = await aptGet(["update", "--quiet"], signal);
  await withoutServices(async () => {
    const { success, output } = await aptGet(installArguments(...names), signal);
    if (success) return;
    const words = update.success ? output : `${update.output}\n${output}`;
    throw new Error(`apt-get could not install ${names.join(" ")}: ${words.trim().slice(-500)}`);
  });
}

async function aptGet(args: string[], signal: AbortSignal) {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  for (let tries = 1;; tries++) {
    const command = new Deno.Command("apt-get", { args, env, stdin: "null", signal });
    const { success, stdout, stderr } = await command.output();
    const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
    const locked = output.includes("Could not get lock");
    if (success || !locked || tries >= LOCK_TRIES) return { success, output };
    await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
  }
}

async function withoutServices(install: () => Promise<void>): Promise<void> {
  if (await anyIsFile("/usr/sbin", "policy-rc.d")) return await install(); // the owner has decided
  await Deno.writeTextFile(POLICY_PATH, POLICY, { mode: 0o755 });
  try {
    await install();
  } finally {
    await Deno.remove(POLICY_PATH);
  }
}

async function anyIsFile(path: string, name: string): Promise<boolean> {
  for (const dir of path.split(":")) {
    try {
      if ((await Deno.stat(`${dir}/${name}`)).isFile) return true;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
        throw error;
      }
    }
  }
  return false;
}
