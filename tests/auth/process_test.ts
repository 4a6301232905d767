/** The gateway's process: when it starts without a guard, and when it refuses to. */

import assert from "node:assert/strict";
import { newKey, openKeyStore } from "@asya/gateway";
import { runModule, startModule } from "../../gateway/testing/process.ts";
import { MESH } from "./guarded.ts";

const MAIN = "../main.ts";

async function inPlace(
  body: (env: Record<string, string>, storePath: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const storePath = `${folder}/asya.sqlite`;
  try {
    await Deno.writeTextFile(`${folder}/mesh`, MESH);
    await body({
      HOME: Deno.env.get("HOME") ?? "",
      ASYA_TRANSPORT: "sqlite",
      ASYA_SQLITE_PATH: storePath,
      ASYA_GATEWAY_PORT: "0",
      ASYA_MESH_TOKEN_FILE: `${folder}/mesh`,
    }, storePath);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const statusOf = async (url: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url, { headers });
  await response.body?.cancel();
  return response.status;
};

Deno.test("main.ts refuses to listen to the world without a way in, and says how to mend it", () =>
  inPlace(async (env) => {
    const { code, text } = await runModule(MAIN, env); // the default address is every one
    assert.equal(code, 1);
    assert.match(text, /ASYA_GATEWAY_AUTH: callers need an API key, and there is none yet/);
    assert.match(text, /asya keys create/);
    const { ASYA_MESH_TOKEN_FILE: _, ...open } = env;
    assert.match((await runModule(MAIN, open)).text, /ASYA_MESH_TOKEN_FILE is not set/);
  }));

Deno.test("main.ts asks for keys where there is one, and serves metrics on an address of their own", () =>
  inPlace(async (env, storePath) => {
    const store = openKeyStore({ storePath, databaseUrl: undefined });
    const { key, text } = newKey({ name: "test", tools: ["*"], createdAt: Date.now() });
    await store.add(key);
    await store.close();
    await using gateway = await startModule(MAIN, {
      env: { ...env, ASYA_GATEWAY_METRICS_ADDR: "127.0.0.1:0" },
    });
    const [, metrics] = await gateway.line(/"at":"(127\.0\.0\.1:[0-9]+)"/);
    assert.equal(await statusOf(`${gateway.url}/tools`), 401);
    assert.equal(await statusOf(`${gateway.url}/tools`, { "x-api-key": text }), 200);
    assert.equal(await statusOf(`${gateway.url}/metrics`, { "x-api-key": text }), 404);
    const samples = await (await fetch(`http://${metrics}/metrics`)).text();
    assert.match(samples, /auth_refusals_total\{reason="unauthorized"\} 1/);
    assert.match(samples, /requests_total\{route="\/tools",method="GET",status="200"\} 1/);
    assert.equal(await gateway.stop("SIGTERM"), 0);
  }));

Deno.test("main.ts lets everybody in where that is said, with a warning", () =>
  inPlace(async (env) => {
    await using gateway = await startModule(MAIN, { env: { ...env, ASYA_GATEWAY_AUTH: "off" } });
    await gateway.line(/"level":"warn".*ASYA_GATEWAY_AUTH=off: whoever reaches/);
    assert.equal(await statusOf(`${gateway.url}/tools`), 200);
    assert.equal(await gateway.stop("SIGTERM"), 0);
  }));

Deno.test("main.ts starts closed where ASYA_GATEWAY_AUTH=on, and takes a key that is made later", () =>
  inPlace(async (env, storePath) => {
    await using gateway = await startModule(MAIN, { env: { ...env, ASYA_GATEWAY_AUTH: "on" } });
    await gateway.line(/"level":"warn".*there is no API key yet/);
    assert.equal(await statusOf(`${gateway.url}/tools`), 401);
    const store = openKeyStore({ storePath, databaseUrl: undefined });
    const { key, text } = newKey({ name: "late", tools: ["*"], createdAt: Date.now() });
    await store.add(key);
    await store.close();
    assert.equal(await statusOf(`${gateway.url}/tools`, { authorization: `Bearer ${text}` }), 200);
    assert.equal(await gateway.stop("SIGTERM"), 0);
  }));
