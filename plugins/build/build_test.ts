import assert from "node:assert/strict";
import { buildPlugin, freshPlugin } from "./build.ts";
import { newPlugin } from "./scaffold.ts";

const signal = new AbortController().signal;

async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "asya-plugin-" });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const WRONG: readonly (readonly [string, RegExp])[] = [
  ["name: a\nlang: cobol", /plugin\.yaml:2:7: lang: /],
  ["name: A b\nlang: c", /:1:7: name: lower-case letters, digits and dashes$/],
  ["name: a\nlang: c\ntimeout: 0s\nmemory: lots", /:3:10: timeout: .*\n.*:4:9: memory: /],
  ["name: a\nlang: c\nmemry: 1Mi", /plugin\.yaml:3:8: memry: is not known here/],
  ["name: [", /plugin\.yaml:1:/],
];

for (const [text, message] of WRONG) {
  Deno.test(`buildPlugin() refuses the plugin.yaml ${JSON.stringify(text)}`, () =>
    withFolder(async (dir) => {
      await Deno.writeTextFile(`${dir}/plugin.yaml`, text);
      await assert.rejects(buildPlugin(dir, signal), { code: "invalid_file", message });
    }));
}

Deno.test("buildPlugin() of a folder without plugin.yaml says what makes one", () =>
  withFolder(async (dir) => {
    await assert.rejects(buildPlugin(dir, signal), /plugin\.yaml is missing; `asya plugin new`/);
  }));

Deno.test("buildPlugin() of a folder without a handler says where it is looked for", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/plugin.yaml`, "name: a\nlang: as");
    await assert.rejects(buildPlugin(dir, signal), {
      code: "build_failed",
      message: /assembly\/handler\.ts is missing/,
    });
    const left = [...Deno.readDirSync(`${dir}/build`)];
    assert.deepEqual(left, []);
  }));

Deno.test("freshPlugin() builds only where a source file is newer than the module", () =>
  withFolder(async (folder) => {
    const dir = `${folder}/a`;
    await newPlugin(dir, "a", "as");
    const { path, module } = await freshPlugin(dir, signal);
    assert.equal(path, `${await Deno.realPath(dir)}/build/a.wasm`);
    assert.ok(module.length > 1_000);

    const made = (await Deno.stat(path)).ino;
    const later = new Date(Date.now() + 10_000);
    for (const file of ["plugin.yaml", "README.md", "cases/no-text.yaml"]) {
      await Deno.utime(`${dir}/${file}`, later, later);
    }
    assert.deepEqual((await freshPlugin(dir, signal)).module, module);
    assert.equal((await Deno.stat(path)).ino, made);

    await Deno.utime(`${dir}/assembly/json.ts`, later, later);
    await freshPlugin(dir, signal);
    assert.notEqual((await Deno.stat(path)).ino, made);
  }));
