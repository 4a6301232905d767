import assert from "node:assert/strict";
import type { Container, Volume } from "@asya/manifest";
import { mapPaths, planMounts, writeMounts } from "./volumes.ts";
import { makeProject } from "./testing/project.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const CODE = { name: "code", files: new Map([["a.py", bytes("A")], ["b.py", bytes("B")]]) };
const KEYS = { name: "keys", files: new Map([["token", bytes("T")]]) };
const keyed = {
  configMap: (name: string) => name === "code" ? CODE : undefined,
  secret: (name: string) => name === "keys" ? KEYS : undefined,
};
const VOLUMES: Volume[] = [
  { name: "code", configMap: { name: "code" } },
  { name: "one", configMap: { name: "code", items: [{ key: "b.py", path: "lib/b.py" }] } },
  { name: "keys", secret: { secretName: "keys" } },
  { name: "gone", configMap: { name: "gone" } },
  { name: "scratch", emptyDir: {} },
];

function container(mounts: Container["volumeMounts"]): Container {
  return { name: "asya-runtime", ...mounts ? { volumeMounts: mounts } : {} };
}

Deno.test("writeMounts() makes the files of ConfigMaps, items, sub-paths and Secrets", async () => {
  await using project = await makeProject({});
  const root = `${project.dir}/fs`;
  const { mounts, notes } = planMounts(
    container([
      { name: "code", mountPath: "/app/" },
      { name: "one", mountPath: "/opt/x" },
      { name: "code", mountPath: "/etc/a.py", subPath: "a.py" },
      { name: "keys", mountPath: "/keys" },
    ]),
    VOLUMES,
    keyed,
    root,
  );
  assert.deepEqual(notes, []);
  await writeMounts(root, mounts);
  const read = (path: string) => Deno.readTextFile(root + path);
  assert.deepEqual(
    await Promise.all(
      ["/app/a.py", "/app/b.py", "/opt/x/lib/b.py", "/etc/a.py", "/keys/token"].map(read),
    ),
    ["A", "B", "B", "A", "T"],
  );
  assert.equal((await Deno.stat(`${root}/keys/token`)).mode! & 0o777, 0o600);
  await writeMounts(root, []);
  await assert.rejects(Deno.stat(`${root}/app`), Deno.errors.NotFound);
});

Deno.test("planMounts() says which volumes are left out, and why", () => {
  const { mounts, notes } = planMounts(
    container([
      { name: "gone", mountPath: "/gone" },
      { name: "scratch", mountPath: "/tmp/x" },
      { name: "code", mountPath: "/../../etc" },
      { name: "code", mountPath: "/" },
    ]),
    VOLUMES,
    keyed,
    "/root",
  );
  assert.deepEqual(mounts, []);
  assert.deepEqual(notes, [
    "volume gone at /gone is left out: ConfigMap gone is not in this folder",
    "volume scratch at /tmp/x is left out: only ConfigMaps and Secrets work here",
    "volume code is left out: /../../etc is no absolute path of a folder",
    "volume code is left out: / is no absolute path of a folder",
  ]);
});

Deno.test("mapPaths() replaces mount paths where a part of the value begins with one", () => {
  const { mounts } = planMounts(
    container([{ name: "code", mountPath: "/app" }, { name: "one", mountPath: "/app/deep" }]),
    VOLUMES,
    keyed,
    "/fs",
  );
  const cases = [
    ["/app", "/fs/app"],
    ["/app/lib:/usr/lib:/app/deep/b", "/fs/app/lib:/usr/lib:/fs/app/deep/b"],
    ["/application", "/application"],
    ["http://app/x", "http://app/x"],
    ["see /app", "see /app"],
  ] as const;
  for (const [value, mapped] of cases) assert.equal(mapPaths(value, mounts), mapped);
});
