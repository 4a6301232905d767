/** Finds the compilers of this machine, and says how to install those that are missing. */

import { dirname } from "node:path";

/** The target of plugins that need nothing of an operating system. */
export const RUST_TARGET = "wasm32-unknown-unknown";

/** Asking a compiler about itself takes no longer, in milliseconds. */
const PROBE_MS = 20_000;
/** The newest and the oldest LLVM that is looked for under its version. */
const LLVM_VERSIONS = [40, 14] as const;
/** The first Go that exports functions from WASM. */
const GO_VERSION = [1, 24] as const;

/** The commands that install a tool, by system. */
export type Installation = Readonly<Record<"Debian" | "macOS" | "elsewhere", string>>;

const RUST: Installation = {
  Debian: "apt-get install rustc-web cargo-web rust-web-src lld-22",
  macOS: `brew install rustup && rustup default stable && rustup target add ${RUST_TARGET}`,
  elsewhere: `rustup target add ${RUST_TARGET} (with Rust of https://rustup.rs)`,
};
const GO: Installation = {
  Debian: "apt-get install golang-go (Debian 13 or newer)",
  macOS: "brew install go",
  elsewhere: "https://go.dev/dl",
};
const CLANG: Installation = {
  Debian: "apt-get install clang lld",
  macOS: "brew install llvm lld",
  elsewhere: "clang and lld of https://releases.llvm.org",
};

/** A compiler is not on this machine; the message says how to install it. */
export class ToolchainMissing extends Error {
  /** Always `ToolchainMissing`. */
  override readonly name = "ToolchainMissing";
  /** Always `toolchain_missing`. */
  readonly code = "toolchain_missing";
  /** `tool` says what is missing, in a few words. */
  constructor(readonly tool: string, readonly installation: Installation) {
    const lines = Object.entries(installation).map(([system, command]) =>
      `  ${system.padEnd(10)} ${command}`
    );
    super(`${tool} is not on this machine; install it:\n${lines.join("\n")}`);
  }
}

/** The folders where compilers may be: those of PATH, and where installers put them beside it. */
export function toolPlaces(): string[] {
  const home = Deno.env.get("HOME") ?? "";
  const known = [
    `${home}/.cargo/bin`,
    "/usr/local/go/bin",
    "/opt/homebrew/opt/llvm/bin",
    "/opt/homebrew/opt/lld/bin",
    "/opt/homebrew/bin",
    "/usr/local/opt/llvm/bin",
    "/usr/local/opt/lld/bin",
    "/usr/local/bin",
    "/usr/bin",
  ];
  const path = (Deno.env.get("PATH") ?? "").split(":");
  return [...new Set([...path, ...known])].filter((place) => place.startsWith("/"));
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

/** The programs of these names, the first place first. */
async function programs(places: readonly string[], names: readonly string[]): Promise<string[]> {
  const paths = places.flatMap((place) => names.map((name) => `${place}/${name}`));
  const there = await Promise.all(paths.map(isThere));
  return paths.filter((_, at) => there[at]);
}

/** What a program says on its standard output; undefined where it fails. */
async function ask(program: string, args: string[], cwd?: string): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args,
      ...cwd === undefined ? {} : { cwd },
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(PROBE_MS),
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    // A broken link, or a file that is no program for this machine: as good as missing.
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}

/** Names with a version, the newest first. */
function versioned(name: string): string[] {
  const [newest, oldest] = LLVM_VERSIONS;
  return Array.from({ length: newest - oldest + 1 }, (_, n) => `${name}-${newest - n}`);
}

/** How to run cargo so that it makes WASM. */
export interface RustToolchain {
  /** Path of the program. */
  readonly cargo: string;
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Added to `cargo build`. */
  readonly args: readonly string[];
}

/**
 * Finds Rust: one that has the target's standard library, or one that has the source of it (as
 * Debian's) and a linker.
 *
 * @param cwd the crate's folder, where a `rust-toolchain.toml` may choose
 * @throws ToolchainMissing
 */
export async function findRust(cwd: string, places = toolPlaces()): Promise<RustToolchain> {
  const withSource: RustToolchain[] = [];
  const [linker] = await programs(places, [...versioned("wasm-ld"), "wasm-ld"]);
  for (const rustc of await programs(places, ["rustc"])) {
    const cargo = `${dirname(rustc)}/cargo`;
    if (!await isThere(cargo)) continue;
    const library = await ask(rustc, ["--print", "target-libdir", "--target", RUST_TARGET], cwd);
    if (library === undefined) continue;
    if (await isThere(library)) return { cargo, env: { RUSTC: rustc }, args: [] };
    const sysroot = await ask(rustc, ["--print", "sysroot"], cwd);
    if (!linker || !await isThere(`${sysroot}/lib/rustlib/src/rust/library/Cargo.lock`)) continue;
    const env = {
      RUSTC: rustc,
      RUSTC_BOOTSTRAP: "1", // allows the option below outside of nightly releases
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker,
    };
    withSource.push({ cargo, env, args: ["-Z", "build-std=std,panic_abort"] });
  }
  if (withSource[0]) return withSource[0];
  throw new ToolchainMissing(`Rust for ${RUST_TARGET}`, RUST);
}

/**
 * Finds Go.
 *
 * @returns the program's path
 * @throws ToolchainMissing
 */
export async function findGo(places = toolPlaces()): Promise<string> {
  const [major, minor] = GO_VERSION;
  for (const go of await programs(places, ["go"])) {
    const version = await ask(go, ["env", "GOVERSION"]);
    const [, one, two] = /^go(\d+)\.(\d+)/.exec(version ?? "") ?? [];
    if (Number(one) > major || (Number(one) === major && Number(two) >= minor)) return go;
  }
  throw new ToolchainMissing(`Go ${GO_VERSION.join(".")} or newer`, GO);
}

/** A compiler of C and the linker that goes with it, as paths. */
export interface ClangToolchain {
  /** The compiler. */
  readonly clang: string;
  /** The linker. */
  readonly linker: string;
}

/**
 * Finds a clang that compiles to WASM, which Apple's does not, and a linker.
 *
 * @throws ToolchainMissing
 */
export async function findClang(places = toolPlaces()): Promise<ClangToolchain> {
  for (const clang of await programs(places, ["clang", ...versioned("clang")])) {
    const targets = await ask(clang, ["--print-targets"]);
    if (!targets?.includes("wasm32")) continue;
    // Its own linker first: another one may be too old for what it makes.
    const own = dirname(await Deno.realPath(clang));
    const [linker] = await programs([own, ...places], ["wasm-ld", ...versioned("wasm-ld")]);
    if (linker) return { clang, linker };
  }
  throw new ToolchainMissing("clang with wasm-ld", CLANG);
}
