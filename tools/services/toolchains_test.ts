import assert from "node:assert/strict";
import { authoring } from "@asya/plugins";
import { installArguments } from "./apt.ts";
import { type Installer, installToolchains, type Toolchain } from "./toolchains.ts";

const { findClang } = await authoring();

/** An apt that has some packages, and makes programs of them. */
class Archive implements Installer {
  readonly asked: string[] = [];
  constructor(readonly has: Readonly<Record<string, () => Promise<void>>>, readonly no?: string) {}

  unavailable(): Promise<string | undefined> {
    return Promise.resolve(this.no);
  }

  async install(...packages: readonly string[]): Promise<void> {
    this.asked.push(packages.join(" "));
    for (const name of packages) {
      const put = this.has[name];
      if (!put) throw new Error(`apt-get failed:\n  E: Unable to locate package ${name}`);
      await put();
    }
  }
}

/** An empty PATH, the compiler that is looked for there, and how a package puts a program there. */
async function withPath(
  use: (
    clang: Toolchain,
    program: (name: string, script: string) => () => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-path-" }));
  const packages = [["clang-22", "lld-22"], ["clang", "lld"]];
  try {
    await use(
      { name: "clang", find: () => findClang([dir]), packages },
      (name, script) => () =>
        Deno.writeTextFile(`${dir}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 }),
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("installToolchains() installs what is missing, and only that", () =>
  withPath(async (clang, program) => {
    const archive = new Archive({
      "clang-22": program("clang-22", "echo wasm32"),
      "lld-22": program("wasm-ld-22", ""),
    });
    assert.deepEqual(await installToolchains([clang], archive), []);
    assert.deepEqual(archive.asked, ["clang-22 lld-22"]);
    assert.deepEqual(await installToolchains([clang], archive), []);
    assert.equal(archive.asked.length, 1, "it is there now");
  }));

Deno.test("installToolchains() takes what this release has", () =>
  withPath(async (clang, program) => {
    const archive = new Archive({
      clang: program("clang", "echo wasm32"),
      lld: program("wasm-ld", ""),
    });
    assert.deepEqual(await installToolchains([clang], archive), []);
    assert.deepEqual(archive.asked, ["clang-22 lld-22", "clang lld"]);
  }));

Deno.test("installToolchains() says in one line what cannot be had, and goes on", () =>
  withPath(async (clang, program) => {
    const there: Toolchain = { name: "there", find: () => Promise.resolve(), packages: [] };
    const none = new Archive({});
    assert.deepEqual(await installToolchains([clang, there], none), [
      { name: "clang", reason: "apt-get failed: E: Unable to locate package clang" },
    ]);
    assert.equal(none.asked.length, 2);

    const useless = new Archive({
      "clang-22": program("clang-22", "echo arm64"),
      "lld-22": program("wasm-ld-22", ""),
    });
    assert.deepEqual(await installToolchains([clang], useless), [
      { name: "clang", reason: "clang with wasm-ld is not on this machine" },
    ]);

    const broken = { ...there, find: () => Promise.reject(new TypeError("a bug")) };
    assert.deepEqual(await installToolchains([broken, there], none), [
      { name: "there", reason: "a bug" },
    ]);

    const user = new Archive({}, "apt-get needs root");
    assert.deepEqual(await installToolchains([clang], user), [
      { name: "clang", reason: "apt-get needs root" },
    ]);
    assert.deepEqual(user.asked, []);
  }));

Deno.test("installArguments() removes nothing that is there", () => {
  const args = installArguments("rustc-web", "cargo-web");
  assert.ok(args.includes("--no-remove"));
  assert.deepEqual(args.slice(-2), ["rustc-web", "cargo-web"]);
});
