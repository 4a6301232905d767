import assert from "node:assert/strict";
import { describeSettings, SettingsError } from "@asya/config";
import { readSidecarSettings, SIDECAR_SETTINGS } from "./settings.ts";

const MINIMAL = { ASYA_ACTOR_NAME: "prep", ASYA_TRANSPORT: "sqlite" };

Deno.test("readSidecarSettings() has the contract's defaults", () => {
  const s = readSidecarSettings(MINIMAL);
  assert.equal(s.happyEnd, "happy-end");
  assert.equal(s.errorEnd, "error-end");
  assert.equal(s.runtimeTimeout, 300_000);
  assert.equal(s.shutdownGrace, 30_000);
  assert.equal(s.cancelGrace, 5_000);
  assert.equal(s.maxFrameBytes, 256 * 2 ** 20);
  assert.deepEqual(s.metricsAddr, { hostname: "0.0.0.0", port: 8080 });
  assert.equal(s.socketDir, "/var/run/asya");
  assert.equal(s.resiliency.policies.size, 0);
  assert.deepEqual(s.wasmAllowedHosts, []);
});

Deno.test("readSidecarSettings() names every wrong variable at once", () => {
  const env = {
    ASYA_TRANSPORT: "pigeon",
    ASYA_RUNTIME_TIMEOUT: "5 minutes",
    ASYA_CONCURRENCY: "0",
    ASYA_GATEWAY_URL: "gateway:8080",
    ASYA_METRICS_ADDR: "8080",
    ASYA_CUSTOM_METRICS: '[{"name":"bad name","type":"counter"}]',
    ASYA_RESILIENCY_POLICIES: '{"default":{"maxAttempts":0}}',
    ASYA_WASM_CONFIG: "[]",
  };
  assert.throws(() => readSidecarSettings(env), (error) => {
    assert.ok(error instanceof SettingsError);
    for (const name of ["ASYA_ACTOR_NAME", ...Object.keys(env)]) {
      const known = name === "ASYA_RESILIENCY_POLICIES" ? "maxAttempts" : name;
      assert.ok(error.message.includes(known), `${known} in ${error.message}`);
    }
    return true;
  });
});

Deno.test("readSidecarSettings() reads addresses", () => {
  const of = (text: string) =>
    readSidecarSettings({ ...MINIMAL, ASYA_METRICS_ADDR: text }).metricsAddr;
  assert.deepEqual(of("127.0.0.1:0"), { hostname: "127.0.0.1", port: 0 });
  assert.deepEqual(of("[::1]:9090"), { hostname: "::1", port: 9090 });
});

Deno.test("SIDECAR_SETTINGS describes each variable", () => {
  const text = describeSettings(SIDECAR_SETTINGS);
  for (const { names, help } of Object.values(SIDECAR_SETTINGS)) {
    assert.ok(text.includes(names[0]));
    assert.ok(help.length > 0);
  }
});
