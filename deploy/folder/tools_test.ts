import assert from "node:assert/strict";
import type { ConfigMap } from "./object.ts";
import { checkTools, toolsChange, toolsData } from "./tools.ts";

const OWNER = { namespace: "prod", folder: "shop" };

function existing(data?: Record<string, string>): ConfigMap {
  const metadata = { name: "t" };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, ...data ? { data } : {} };
}

const tool = (name: string) => `tools: [{name: ${name}, description: x, route: [a]}]\n`;

Deno.test("toolsData() gives each file a key that says whose it is", () => {
  const files = [{ path: "tools.yaml", text: "1" }, { path: "sub/more.yml", text: "2" }];
  assert.deepEqual(toolsData(OWNER, files), {
    "prod.shop.tools.yaml": "1",
    "prod.shop.sub.more.yml": "2",
  });
});

Deno.test("toolsChange() sees new, other and removed files of this folder only", () => {
  const before = existing({ "prod.shop.a.yaml": "1", "prod.shops.a.yaml": "2", "values.yaml": "" });
  const change = (data: Record<string, string>) => toolsChange(before, OWNER, data);
  assert.equal(change({ "prod.shop.a.yaml": "1" }), false);
  assert.equal(change({ "prod.shop.a.yaml": "x" }), true);
  assert.equal(change({ "prod.shop.b.yaml": "1" }), true);
  assert.equal(change({}), true);
  assert.equal(toolsChange(existing(), OWNER, {}), false);
});

Deno.test("checkTools() refuses a name that another folder has taken, not what was wrong before", async () => {
  const before = existing({ "prod.other.yaml": tool("buy"), "prod.shop.yaml": tool("buy") });
  const other = existing({ "values.yaml": tool("buy"), "bad.yaml": "tools: 5" });
  await checkTools(existing(), OWNER, { "prod.shop.a.yaml": tool("buy") });
  await checkTools(other, OWNER, { "prod.shop.a.yaml": tool("sell") });
  await assert.rejects(checkTools(other, OWNER, { "prod.shop.a.yaml": tool("buy") }), {
    message: /yaml:1:.*buy/,
  });
  await checkTools(before, OWNER, { "prod.shop.a.yaml": tool("sell") });
});
