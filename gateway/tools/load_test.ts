import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import { loadTools, ToolsError } from "./load.ts";
import { parametersSchema } from "./json_schema.ts";
import { watchTools } from "./watch.ts";

async function withFiles(
  files: Record<string, string>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The problems of one file, without its folder. */
async function problemsOf(yaml: string): Promise<string[]> {
  let problems: readonly string[] = [];
  await withFiles({ "tools.yaml": yaml }, async (folder) => {
    await assert.rejects(loadTools(`${folder}/tools.yaml`), (error) => {
      assert.ok(error instanceof ToolsError);
      problems = error.problems.map((problem) => problem.replace(`${folder}/`, ""));
      return true;
    });
  });
  return [...problems];
}

Deno.test("loadTools() reads routes by name and by list, defaults and metadata", () =>
  withFiles({
    "tools.yaml": `
defaults: { progress: false, timeout: 30 }
routes: { std: [prep, infer] }
tools:
  - name: one
    description: First
    route: std
    metadata: { team: nlp, big: 9007199254740993 }
  - { name: two, route: [prep], progress: true, timeout: 0 }
`,
  }, async (folder) => {
    const tools = await loadTools(`${folder}/tools.yaml`);
    assert.deepEqual([...tools.keys()], ["one", "two"]);
    assert.deepEqual(tools.get("one"), {
      name: "one",
      description: "First",
      parameters: new Map(),
      route: ["prep", "infer"],
      progress: false,
      timeout: 30,
      metadata: '{"team":"nlp","big":9007199254740993}',
    });
    const { route, progress, timeout } = tools.get("two")!;
    assert.deepEqual({ route, progress, timeout }, { route: ["prep"], progress: true, timeout: 0 });
  }));

Deno.test("loadTools() reads a folder: routes are shared, defaults are not", () =>
  withFiles({
    "a.yaml": "defaults: { timeout: 5 }\ntools: [{ name: a, route: far }]",
    "b.yml": "routes: { far: [away] }\ntools: [{ name: b, route: far }]",
    ".hidden.yaml": "not: tools",
    "README.md": "not yaml",
  }, async (folder) => {
    const tools = await loadTools(folder);
    assert.deepEqual(
      [...tools.values()].map(({ name, route, timeout }) => [name, route, timeout]),
      [
        ["a", ["away"], 5],
        ["b", ["away"], 0],
      ],
    );
  }));

Deno.test("loadTools() of an empty file has no tools", () =>
  withFiles({ "tools.yaml": "" }, async (folder) => {
    assert.equal((await loadTools(`${folder}/tools.yaml`)).size, 0);
  }));

Deno.test("loadTools() reports every mistake with file, line and column", async () => {
  const problems = await problemsOf(`defaults: { timeout: soon }
routes:
  std: [prep, Infer, happy-end]
tools:
  - name: one two
    route: std
    colour: red
  - name: ok
    route: nowhere
    parameters:
      n: { type: integer, default: many }
      mode: { type: string, options: [fast, 3], default: slow }
      bad name: { type: string }
      list: { type: string, items: { type: string } }
      what: { type: text }
  - name: ok
    route: [prep, x-dlq]
extra: 1
`);
  const at = (place: string, words: RegExp) => {
    const found = problems.find((problem) => problem.startsWith(`tools.yaml:${place}: `));
    assert.ok(found, `nothing at ${place} in:\n${problems.join("\n")}`);
    assert.match(found, words);
  };
  at("1:22", /number/);
  at("3:15", /"Infer" is no actor's name/);
  at("3:22", /happy-end/);
  at("5:11", /letters, digits/);
  at("7:5", /unknown key "colour"/);
  at("9:12", /no route "nowhere" \(known: std\)/);
  at("11:36", /default must be an integer/);
  at("12:38", /option must be a string/);
  at("12:58", /default must be one of/);
  at("13:7", /parameter's name/);
  at("14:36", /belong to an array/);
  at("15:21", /string|number/);
  at("16:11", /tool "ok" is there twice/);
  at("17:19", /x-dlq/);
  at("18:1", /unknown key "extra"/);
  assert.equal(problems.length, 15, problems.join("\n"));
});

Deno.test("loadTools() points at broken YAML and at doubled keys", async () => {
  assert.match((await problemsOf("tools: [\n"))[0]!, /^tools\.yaml:2:1: /);
  assert.match((await problemsOf("routes: {}\nroutes: {}\n"))[0]!, /^tools\.yaml:2:1: .*unique/);
});

Deno.test("loadTools() says which path cannot be read", async () => {
  await assert.rejects(loadTools("/nowhere/tools.yaml"), /\/nowhere\/tools\.yaml: cannot be read/);
});

Deno.test("parametersSchema() says what is enforced, nested too", () =>
  withFiles({
    "tools.yaml": `
tools:
  - name: t
    route: [prep]
    parameters:
      text: { type: string, description: The text, required: true }
      mode: { type: string, options: [fast, full], default: fast, required: true }
      tags: { type: array, items: { type: string, enum: [a, b] } }
      opts:
        type: object
        properties: { depth: { type: integer, required: true } }
      any: { type: object }
`,
  }, async (folder) => {
    const { parameters } = (await loadTools(folder)).get("t")!;
    assert.deepEqual(parametersSchema(parameters), {
      type: "object",
      properties: {
        text: { type: "string", description: "The text" },
        mode: { type: "string", enum: ["fast", "full"], default: "fast" },
        tags: { type: "array", items: { type: "string", enum: ["a", "b"] } },
        opts: {
          type: "object",
          properties: { depth: { type: "integer" } },
          required: ["depth"],
          additionalProperties: false,
        },
        any: { type: "object" },
      },
      required: ["text"],
      additionalProperties: false,
    });
  }));

Deno.test("watchTools() takes up a change, and keeps the old tools when it has mistakes", () =>
  withFiles({ "tools.yaml": "tools: [{ name: one, route: [a] }]" }, async (folder) => {
    const lines: string[] = [];
    const log = createLogger({ level: "info", write: (line) => lines.push(line) });
    const watched = await watchTools([folder], log);
    try {
      const first = watched.current();
      await watched.refresh();
      assert.equal(watched.current(), first, "nothing changed, so it is the same set");

      await Deno.writeTextFile(`${folder}/more.yaml`, "tools: [{ name: two, route: [b] }]");
      await watched.refresh();
      assert.deepEqual([...watched.current().keys()], ["two", "one"]);

      await Deno.writeTextFile(`${folder}/more.yaml`, "tools: [{ name: two, route: gone, x: 1 }]");
      await watched.refresh();
      await watched.refresh();
      assert.deepEqual([...watched.current().keys()], ["two", "one"]);
      const errors = lines.filter((line) => line.includes('"error"'));
      assert.equal(errors.length, 1, "said once");
      assert.equal(JSON.parse(errors[0]!).problems.length, 2);

      await Deno.remove(`${folder}/more.yaml`);
      await watched.refresh();
      assert.deepEqual([...watched.current().keys()], ["one"]);
    } finally {
      watched.close();
    }
  }));

Deno.test("loadTools() reads several folders and files, whose routes are shared", () =>
  withFiles({
    "one.yaml": "routes: { std: [a, b] }",
    "two.yaml": "tools: [{ name: t, route: std }]",
  }, async (folder) => {
    const tools = await loadTools(`${folder}/one.yaml`, `${folder}/two.yaml`);
    assert.deepEqual(tools.get("t")?.route, ["a", "b"]);
  }));

Deno.test("loadTools() reads examples and hooks, and finds what is wrong with them", async () => {
  await withFiles({
    "tools.yaml": `tools:
  - name: t
    route: [a]
    parameters: { n: { type: integer, required: true } }
    examples: [{ n: 1 }]
    hook: { secretEnv: SECRET }
  - { name: u, route: [a], hook: { secretFile: /run/secret, header: X-Sign } }
`,
  }, async (folder) => {
    const tools = await loadTools(folder);
    assert.deepEqual(tools.get("t")?.examples, [{ n: 1 }]);
    assert.deepEqual(tools.get("t")?.hook, {
      secret: { env: "SECRET" },
      header: "X-Hub-Signature-256",
    });
    assert.deepEqual(tools.get("u")?.hook, { secret: { file: "/run/secret" }, header: "X-Sign" });
  });
  const problems = await problemsOf(`tools:
  - { name: t, route: [a], parameters: { n: { type: integer } }, examples: [{ n: x }, { m: 1 }] }
  - { name: u, route: [a], hook: {} }
  - { name: v, route: [a], hook: { secretEnv: A, secretFile: b } }
  - { name: w, route: [a], hook: { secretEnv: "a b", header: "x y" } }
`);
  assert.equal(problems.length, 6, problems.join("\n"));
  assert.match(problems[0]!, /^tools\.yaml:2:77: parameter n must be an integer/);
  assert.match(problems[1]!, /^tools\.yaml:2:87: unknown parameter: m/);
});

/** A folder as Kubernetes mounts a ConfigMap: files are links through a link that is swapped. */
async function mount(folder: string, version: string, files: Record<string, string>) {
  await Deno.mkdir(`${folder}/..${version}`);
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/..${version}/${name}`, text);
  }
  await Deno.symlink(`..${version}`, `${folder}/..data_tmp`);
  await Deno.rename(`${folder}/..data_tmp`, `${folder}/..data`);
}

Deno.test("watchTools() follows mounted ConfigMaps, and says why newer ones are not in force", () =>
  withFiles({}, async (folder) => {
    const [one, two] = [`${folder}/one`, `${folder}/two`];
    for (const path of [one, two]) {
      await Deno.mkdir(path);
      await mount(path, "v1", { "tools.yaml": `tools: [{ name: t-${path.at(-1)}, route: [a] }]` });
      await Deno.symlink("..data/tools.yaml", `${path}/tools.yaml`);
    }
    const watched = await watchTools([one, two], createLogger({ level: "error", write() {} }));
    try {
      assert.deepEqual([...watched.current().keys()], ["t-e", "t-o"]);
      await mount(two, "v2", { "tools.yaml": "tools: [{ name: new, route: [a] }]" });
      await watched.refresh();
      assert.deepEqual([...watched.current().keys()], ["t-e", "new"]);
      await mount(two, "v3", { "tools.yaml": "tools: [{ name: newer, route: gone }]" });
      await watched.refresh();
      assert.deepEqual([...watched.current().keys()], ["t-e", "new"]);
      assert.equal(watched.problems().length, 1);
      assert.match(watched.problems()[0]!, /two\/tools\.yaml:1:31: there is no route "gone"/);

      await Deno.rename(two, `${folder}/away`);
      await watched.refresh();
      assert.match(watched.problems()[0]!, /two: cannot be read/);
      assert.deepEqual([...watched.current().keys()], ["t-e", "new"]);
      await Deno.rename(`${folder}/away`, two);
      await mount(two, "v4", { "tools.yaml": "tools: [{ name: newest, route: [a] }]" });
      await watched.refresh();
      assert.deepEqual([...watched.current().keys()], ["t-e", "newest"]);
      assert.deepEqual(watched.problems(), []);
    } finally {
      watched.close();
    }
  }));
