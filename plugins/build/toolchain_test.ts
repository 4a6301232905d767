import assert from "node:assert/strict";
import { findClang, findGo, findRust, ToolchainMissing } from "./toolchain.ts";

/** A folder with programs that are shell scripts. */
async function withPrograms(
  programs: Record<string, string>,
  use: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-tools-" }));
  try {
    for (const [name, script] of Object.entries(programs)) {
      await Deno.mkdir(`${dir}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${dir}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const FINDERS = {
  Rust: (places: string[]) => findRust("/", places),
  Go: findGo,
  clang: findClang,
};

for (const [tool, find] of Object.entries(FINDERS)) {
  Deno.test(`ToolchainMissing of ${tool} names the commands that install it`, async () => {
    await assert.rejects(find([]), (error) => {
      assert.ok(error instanceof ToolchainMissing);
      assert.equal(error.code, "toolchain_missing");
      assert.match(error.message, new RegExp(`^${tool} .*is not on this machine; install it:\n`));
      assert.match(error.message, /\n {2}Debian +apt-get install .*\n {2}macOS +brew install /);
      return true;
    });
  });
}

Deno.test("findGo() passes over one that is too old, broken or no program", () =>
  withPrograms({
    "old/go": "echo go1.23.4",
    "broken/go": "exit 1",
    "text/go": "",
    "good/go": "echo go1.24",
  }, async (dir) => {
    await Deno.chmod(`${dir}/text/go`, 0o644);
    const places = ["old", "broken", "text", "missing"].map((name) => `${dir}/${name}`);
    await assert.rejects(findGo(places), ToolchainMissing);
    assert.equal(await findGo([...places, `${dir}/good`]), `${dir}/good/go`);
  }));

Deno.test("findClang() wants one that knows wasm32, with its own linker before others", () =>
  withPrograms({
    "apple/clang": "echo arm64",
    "llvm/clang-22": "echo wasm32",
    "llvm/wasm-ld": "",
    "other/wasm-ld": "",
  }, async (dir) => {
    const [apple, llvm, other] = [`${dir}/apple`, `${dir}/llvm`, `${dir}/other`];
    await assert.rejects(findClang([apple, other]), ToolchainMissing);
    assert.deepEqual(await findClang([apple, other, llvm]), {
      clang: `${llvm}/clang-22`,
      linker: `${llvm}/wasm-ld`,
    });
    await Deno.remove(`${llvm}/wasm-ld`);
    await assert.rejects(findClang([llvm]), ToolchainMissing);
  }));

/** A compiler that says where it would have things. */
const rustc = (sysroot: string) =>
  `case "$*" in *sysroot*) echo ${sysroot};; *) echo ${sysroot}/wasm32/lib;; esac`;

Deno.test("findRust() takes one with the target's library before one with only its source", () =>
  withPrograms({
    "source/lib/rustlib/src/rust/library/Cargo.lock": "",
    "source/bin/rustc": "",
    "source/bin/cargo": "",
    "source/bin/wasm-ld-14": "",
    "source/bin/wasm-ld-22": "",
    "ready/wasm32/lib/libstd.rlib": "",
    "ready/bin/rustc": "",
    "ready/bin/cargo": "",
    "bare/bin/rustc": "",
    "bare/bin/cargo": "",
  }, async (dir) => {
    for (const name of ["source", "ready", "bare"]) {
      await Deno.writeTextFile(
        `${dir}/${name}/bin/rustc`,
        `#!/bin/sh\n${rustc(`${dir}/${name}`)}\n`,
      );
    }
    const [source, ready, bare] = ["source", "ready", "bare"].map((name) => `${dir}/${name}/bin`);
    await assert.rejects(findRust(dir, [bare!]), ToolchainMissing);
    const found = await findRust(dir, [bare!, source!]);
    assert.equal(found.cargo, `${source}/cargo`);
    assert.equal(found.env["RUSTC"], `${source}/rustc`);
    assert.match(found.env["CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER"]!, /wasm-ld-22$/);
    assert.deepEqual(found.args, ["-Z", "build-std=std,panic_abort"]);
    assert.deepEqual(await findRust(dir, [bare!, source!, ready!]), {
      cargo: `${ready}/cargo`,
      env: { RUSTC: `${ready}/rustc` },
      args: [],
    });
  }));
