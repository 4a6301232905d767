import assert from "node:assert/strict";
import { join } from "node:path";
import { type AsyncActor, type Located, parseManifests } from "@asya/manifest";
import { codePlace, leftNotes, readCode } from "./code.ts";

function actor(file: string, spec: string, annotations = "{}"): Located<AsyncActor> {
  const text = "{apiVersion: asya.sh/v1alpha1, kind: AsyncActor, " +
    `metadata: {name: a, annotations: ${annotations}}, spec: {transport: rabbitmq, ${spec}}}`;
  return parseManifests([{ path: file, text }]).actors[0]!;
}

const SHORT = "handler: {python: {path: work.run}}";
const TEMPLATE = (handler: string) =>
  "workload: {template: {spec: {containers: " +
  `[{name: asya-runtime, env: [{name: ASYA_HANDLER, value: '${handler}'}]}]}}}`;
const LOCAL = "{asya.sh/local-path: ../code}";

Deno.test("codePlace() finds the code where dev finds it, and leaves that of an image alone", () => {
  const here = (...paths: string[]) => (path: string) => paths.includes(path);
  const place = (
    spec: string,
    exists: (path: string) => boolean,
    annotations?: string,
    file = "/p/a.yaml",
  ) => codePlace(actor(file, spec, annotations), "/p", exists);
  const root = { language: "python", root: "/p", paths: [""] };
  assert.deepEqual(place(SHORT, here("/p", "/p/work.py")), root);
  assert.deepEqual(place(SHORT, here("/p", "/p/work")), root, "a package");
  assert.deepEqual(
    place(SHORT, here("/p", "/p/work.py"), "{}", "/p/sub/a.yaml"),
    { language: "python", root: "/p", paths: ["sub", ""] },
  );
  assert.equal(place(SHORT, here("/p")), undefined, "the module is in the image");
  assert.equal(place(TEMPLATE("work.run"), here("/p", "/p/work.py")), undefined);
  assert.deepEqual(
    place(TEMPLATE("./src/w.ts:f"), here("/code", "/code/src/w.ts"), LOCAL),
    { language: "javascript", root: "/code", paths: [""] },
  );
  assert.equal(place(TEMPLATE("./w.ts:f"), here("/p", "/p/w.ts")), undefined, "in the image");
  assert.deepEqual(
    place(TEMPLATE("work.Work.run"), here("/code", "/code/work.py"), LOCAL),
    { language: "python", root: "/code", paths: [""] },
  );
  assert.throws(() => place(SHORT, here("/p/work.py"), LOCAL), {
    message: /local-path of a is \.\.\/code, which is not there/,
  });
});

Deno.test("readCode() takes sources and small data, and says what stays", async () => {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-code-" }));
  try {
    const files = [
      ...["work.py", "lib/deep/words.txt", "lib/__init__.py", "actors.yaml", "settings.yaml"],
      ...[".env", ".venv/x.py", "__pycache__/work.pyc", "crash.ts", "tls.key", ".asya/x.py"],
    ];
    for (const name of files) {
      const path = join(dir, name);
      await Deno.mkdir(join(path, ".."), { recursive: true });
      await Deno.writeTextFile(path, name);
    }
    await Deno.writeFile(join(dir, "model.bin"), new Uint8Array(100_001));
    const place = { language: "python", root: dir, paths: [""] } as const;
    const code = await readCode("a", place, new Set([join(dir, "actors.yaml")]));
    assert.deepEqual(
      [...code.files.keys()],
      ["lib/__init__.py", "lib/deep/words.txt", "settings.yaml", "work.py"],
    );
    assert.deepEqual(leftNotes("a", code), [
      "a: model.bin stay here: data files over 100 kB belong into an image or a volume",
    ]);
    await Deno.writeFile(join(dir, "data.py"), new Uint8Array(900_000));
    await assert.rejects(readCode("a", place, new Set()), {
      message: /the code of a, 6 files under .* has 901 kB, .*largest: data.py 900 kB/,
      next: /image|local-path/,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
