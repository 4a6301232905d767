import assert from "node:assert/strict";
import type { Code } from "./code.ts";
import { codeFiles, mounted, type Template } from "./mount.ts";

function code(files: Readonly<Record<string, string>>): Code {
  const bytes = Object.entries(files).map(([path, value]) =>
    [path, new TextEncoder().encode(value)] as const
  );
  return { language: "javascript", root: "/p", paths: [""], files: new Map(bytes), left: [] };
}

const TEMPLATE: Template = {
  spec: { containers: [{ name: "asya-runtime", workingDir: "/app", env: [] }] },
};

Deno.test("mounted() has JavaScript begin in the folder's code, whatever the image's directory is", () => {
  const [container] = mounted(TEMPLATE, "a-code", code({ "w.ts": "" })).spec.containers;
  assert.deepEqual(container, {
    name: "asya-runtime",
    workingDir: "/opt/asya/code",
    env: [],
    volumeMounts: [{ name: "asya-code", mountPath: "/opt/asya/code", readOnly: true }],
  });
});

Deno.test("mounted() and codeFiles() lead Deno to the import map of the folder", () => {
  const withMap = code({ "w.ts": "", "deno.json": "{}" });
  const { containers, volumes } = mounted(TEMPLATE, "a-code", withMap).spec;
  const [, settings] = containers[0]!["volumeMounts"] as { mountPath: string; subPath: string }[];
  assert.equal(settings!.mountPath, "/opt/asya/deno.json");
  const content = new TextDecoder().decode(codeFiles(withMap).get(settings!.subPath));
  assert.deepEqual(JSON.parse(content), { importMap: "/opt/asya/code/deno.json", lock: false });
  const { items } = volumes![0]!["configMap"] as { items: { path: string }[] };
  assert.ok(items.some(({ path }) => path === settings!.subPath));
});
