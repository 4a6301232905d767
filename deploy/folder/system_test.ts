import assert from "node:assert/strict";
import type { ConfigMap } from "./object.ts";
import { findSystem, systemsFor } from "./system.ts";

function configMap(
  namespace: string,
  name: string,
  component: string,
  data: Record<string, string> = {},
): ConfigMap {
  const labels = {
    "app.kubernetes.io/component": component,
    "app.kubernetes.io/instance": "asya",
  };
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name, labels }, data };
}

function system(namespace: string, namespaces: string): ConfigMap[] {
  const config = `namespaces: ${namespaces}\npythonImage: "python:3"\n`;
  return [
    configMap(namespace, "asya-operator", "operator", { "operator.yaml": config }),
    configMap(namespace, "asya-crd", "operator"),
    configMap(namespace, "asya-gateway-tools", "gateway"),
  ];
}

Deno.test("systemsFor() finds the systems that look after a namespace", () => {
  const all = [...system("one", "[]"), ...system("two", "[prod, two]")];
  const where = (namespace: string) =>
    systemsFor(namespace, all).map((found) => [found.namespace, found.tools?.metadata.namespace]);
  assert.deepEqual(where("prod"), [["one", "one"], ["two", "two"]]);
  assert.deepEqual(where("default"), [["one", "one"]]);
  const [bare] = systemsFor("x", system("one", "[]").slice(0, 2));
  assert.deepEqual(bare, { namespace: "one", prefix: "asya", pythonImage: "python:3" });
});

Deno.test("findSystem() says what to do where there is none, or more than one", async () => {
  const find = (items: readonly ConfigMap[]) => {
    const run = () => Promise.resolve({ code: 0, out: JSON.stringify({ items }), err: "" });
    return findSystem(["kubectl"], "prod", undefined, { run });
  };
  await assert.rejects(find([]), { next: /deno task deploy/ });
  const two = [...system("one", "[]"), ...system("two", "[prod]")];
  await assert.rejects(find(two), { message: /one, two/, next: "choose one with --system one" });
  assert.equal((await find(system("one", "[]"))).namespace, "one");
});
