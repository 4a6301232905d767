/**
 * The RabbitMQ of another Debian release, for tests on a newer broker than the system has. Its
 * packages and all that they need are unpacked into a folder, once, which the broker then takes for
 * its root; nothing is installed.
 */

import { inAptTurn, noAptReason } from "./apt.ts";
import type { InstalledRabbitmq } from "./find_rabbitmq.ts";

/** A release of Debian: 13, which has RabbitMQ 4.0, and the next, which has the latest. */
export type DebianRelease = "trixie" | "sid";

const LIMIT_MS = 600_000;
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** With what the scripts of RabbitMQ call, which no package has to ask for. */
const PACKAGES = ["rabbitmq-server", "dash", "coreutils", "sed", "grep", "libc-bin"];
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const HOMES = "usr/lib/rabbitmq/lib";

/** Where unpacked releases are kept; delete one there to have it made anew. */
function cacheDir(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/root"}/.cache`;
  return `${cache}/asya-tests`;
}

/** That RabbitMQ, ready to be started; a text says in one sentence why it cannot be had. */
export async function rabbitmqOf(
  release: DebianRelease,
  cache = cacheDir(),
): Promise<InstalledRabbitmq | string> {
  const root = `${cache}/rabbitmq-${release}`;
  const reason = await noAptReason() ?? await run("unshare", "-m", "true");
  if (reason !== undefined) return `no RabbitMQ of Debian ${release}: ${reason}`;
  if (!await isThere(root)) {
    console.error(`unpacking the RabbitMQ of Debian ${release}, once`);
    const failure = await inAptTurn(() => make(release, cache, root));
    if (failure !== undefined) return `no RabbitMQ of Debian ${release}: ${failure}`;
  }
  for await (const { name } of Deno.readDir(`${root}/${HOMES}`)) {
    const version = /^rabbitmq_server-(.+)$/.exec(name)?.[1];
    if (version === undefined) continue;
    return { kind: "installed", home: `/${HOMES}/${name}`, version, path: PATH, root };
  }
  return `no RabbitMQ of Debian ${release}: there is none in ${root}/${HOMES}`;
}

/** Makes it under another name first: whoever finds it finds all of it. */
async function make(
  release: DebianRelease,
  cache: string,
  root: string,
): Promise<string | undefined> {
  const mirror = await debianMirror();
  if (mirror === undefined || !await isThere(KEYS)) return "apt-get here is not Debian's";
  await Deno.mkdir(cache, { recursive: true });
  const work = await Deno.makeTempDir({ dir: cache, prefix: `${release}-` });
  try {
    const failure = await download(release, mirror, work) ??
      await unpack(`${work}/archives`, `${work}/root`);
    if (failure !== undefined) return failure;
    if (!await isThere(root)) await Deno.rename(`${work}/root`, root);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function download(release: string, mirror: string, dir: string): Promise<string | undefined> {
  for (const name of ["lists/partial", "archives/partial", "root"]) {
    await Deno.mkdir(`${dir}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(
    `${dir}/sources.list`,
    `deb [signed-by=${KEYS}] ${mirror} ${release} main\n`,
  );
  await Deno.writeTextFile(`${dir}/status`, ""); // nothing is installed in the new root
  const options = [
    `Dir::Etc::sourcelist=${dir}/sources.list`,
    "Dir::Etc::sourceparts=/dev/null",
    `Dir::State::lists=${dir}/lists`,
    `Dir::State::status=${dir}/status`,
    `Dir::Cache=${dir}`,
    "APT::Sandbox::User=root", // the folder is readable to us alone
    "Binary::apt-get::APT::Keep-Downloaded-Packages=true",
  ].flatMap((option) => ["-o", option]);
  const install = ["install", "--yes", "--no-install-recommends", "--download-only", ...PACKAGES];
  return await run("apt-get", ...options, "--quiet", "update") ??
    await run("apt-get", ...options, "--quiet", ...install);
}

async function unpack(archives: string, root: string): Promise<string | undefined> {
  for (const name of ["bin", "lib", "lib64", "sbin"]) {
    await Deno.mkdir(`${root}/usr/${name}`, { recursive: true });
    await Deno.symlink(`usr/${name}`, `${root}/${name}`);
  }
  for await (const { name } of Deno.readDir(archives)) {
    if (!name.endsWith(".deb")) continue;
    const failure = await run("dpkg", "-x", `${archives}/${name}`, root);
    if (failure !== undefined) return failure;
  }
  await Deno.mkdir(`${root}/etc`, { recursive: true });
  await Deno.writeTextFile(`${root}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
  await Deno.writeTextFile(`${root}/etc/hosts`, "127.0.0.1 localhost\n");
}

/** The Debian archive that this system's packages come from. */
async function debianMirror(): Promise<string | undefined> {
  const args = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
  const { stdout } = await new Deno.Command("apt-get", { args, stdin: "null" }).output();
  const archives = new TextDecoder().decode(stdout).split("\n");
  return archives.find((uri) => /\/debian\/?$/.test(uri));
}

/** What a command said where it failed. */
async function run(command: string, ...args: string[]): Promise<string | undefined> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { success, stderr } = await new Deno.Command(command, { args, stdin: "null", signal })
    .output();
  if (success) return undefined;
  return `${command}: ${new TextDecoder().decode(stderr).trim().slice(-500)}`;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
