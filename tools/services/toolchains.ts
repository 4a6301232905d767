/**
 * The compilers that tests of plugins use, installed before a test run where Debian has them. A run
 * without them is a run with fewer tests, never a failed one.
 */

import { authoring } from "@asya/plugins";
import { aptInstall, noAptReason } from "./apt.ts";

/** A compiler and the packages that hold it. */
export interface Toolchain {
  readonly name: string;
  /** Rejects with what is missing. */
  find(): Promise<unknown>;
  /** Sets of packages; the first that this release of Debian has is installed. */
  readonly packages: readonly (readonly string[])[];
}

/** How packages come onto the machine. */
export interface Installer {
  /** Why none can be installed. */
  unavailable(): Promise<string | undefined>;
  install(...packages: readonly string[]): Promise<void>;
}

const { findClang, findRust, ToolchainMissing } = await authoring();

const RUST = ["rustc-web", "cargo-web", "rust-web-src"];

/** The newest LLVM first: what compiles with it, and what links what Rust makes. */
const TOOLCHAINS: readonly Toolchain[] = [
  { name: "clang", find: () => findClang(), packages: [["clang-22", "lld-22"], ["clang", "lld"]] },
  { name: "Rust", find: () => findRust("/"), packages: [[...RUST, "lld-22"], [...RUST, "lld"]] },
];

const APT: Installer = {
  unavailable: () => noAptReason(),
  install(...packages) {
    console.error(`installing ${packages.join(", ")} with apt-get, once`);
    return aptInstall(...packages);
  },
};

/** A compiler that tests must do without, and why in one line. */
export interface WithoutToolchain {
  readonly name: string;
  readonly reason: string;
}

/** Installs what is not there; returns what cannot be had. Never rejects. */
export async function installToolchains(
  toolchains: readonly Toolchain[] = TOOLCHAINS,
  installer: Installer = APT,
): Promise<WithoutToolchain[]> {
  const without: WithoutToolchain[] = [];
  for (const toolchain of toolchains) {
    try {
      const reason = await lackOf(toolchain, installer);
      if (reason !== undefined) without.push({ name: toolchain.name, reason });
    } catch (error) {
      without.push({ name: toolchain.name, reason: oneLine(error) });
    }
  }
  return without;
}

async function lackOf(toolchain: Toolchain, installer: Installer): Promise<string | undefined> {
  if (await missing(toolchain) === undefined) return undefined;
  const unavailable = await installer.unavailable();
  if (unavailable !== undefined) return unavailable;
  let reason = "no package holds it";
  for (const packages of toolchain.packages) {
    try {
      await installer.install(...packages);
    } catch (error) {
      reason = oneLine(error);
      continue;
    }
    return await missing(toolchain);
  }
  return reason;
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replaceAll(/\s*\n\s*/g, " ");
}

async function missing({ find }: Toolchain): Promise<string | undefined> {
  try {
    await find();
    return undefined;
  } catch (error) {
    if (error instanceof ToolchainMissing) return `${error.tool} is not on this machine`;
    throw error;
  }
}
