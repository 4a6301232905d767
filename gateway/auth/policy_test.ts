import assert from "node:assert/strict";
import { readSettings } from "@asya/config";
import { readPolicy } from "./policy.ts";
import { ACCESS_SETTINGS } from "./settings.ts";

function policy(env: Record<string, string>, loopback: boolean, meshTokenFile?: string) {
  return readPolicy({ ...readSettings(ACCESS_SETTINGS, env), loopback, meshTokenFile });
}
const ISSUER = { ASYA_GATEWAY_OAUTH_ISSUER: "https://id.example.com" };
const OAUTH = { ...ISSUER, ASYA_GATEWAY_OAUTH_AUDIENCE: "https://gw.example.com/mcp, api" };

Deno.test("readPolicy() asks nobody on loopback, everybody elsewhere", () => {
  assert.deepEqual(policy({}, true), { guarded: false, needsKey: false });
  assert.deepEqual(policy({}, false, "/t"), { guarded: true, needsKey: true });
  assert.deepEqual(policy({ ASYA_GATEWAY_AUTH: "on" }, false, "/t"), {
    guarded: true,
    needsKey: false,
  });
  assert.equal(policy({ ASYA_GATEWAY_AUTH: "off" }, false).guarded, false);
  const { guarded, needsKey, oauth } = policy(OAUTH, true, "/t");
  assert.deepEqual([guarded, needsKey], [true, false]);
  assert.deepEqual(oauth?.audiences, ["https://gw.example.com/mcp", "api"]);
});

Deno.test("readPolicy() refuses settings that leave a hole", () => {
  assert.throws(() => policy({}, false), /ASYA_MESH_TOKEN_FILE is not set/);
  assert.throws(() => policy(ISSUER, false, "/t"), /ASYA_GATEWAY_OAUTH_AUDIENCE is not set/);
  const off = { ...OAUTH, ASYA_GATEWAY_AUTH: "off" };
  assert.throws(() => policy(off, false), /unset one of them/);
  const audience = { ASYA_GATEWAY_OAUTH_AUDIENCE: "x" };
  assert.throws(() => policy(audience, true), /ASYA_GATEWAY_OAUTH_ISSUER is not set/);
});

Deno.test("ACCESS_SETTINGS refuse plain http to an issuer, odd origins, hosts, rates and counts", () => {
  const table: Record<string, string>[] = [
    { ASYA_GATEWAY_OAUTH_ISSUER: "http://id.example.com" },
    { ASYA_GATEWAY_OAUTH_ISSUER: "id" },
    { ASYA_GATEWAY_CORS_ORIGINS: "*" },
    { ASYA_GATEWAY_CORS_ORIGINS: "https://a.example.com/" },
    { ASYA_GATEWAY_CORS_ORIGINS: "null" },
    { ASYA_GATEWAY_HOSTS: "a.example.com:80" },
    { ASYA_GATEWAY_HOSTS: "https://a.example.com" },
    { ASYA_GATEWAY_RATE: "fast" },
    { ASYA_GATEWAY_RATE: "0/s" },
    { ASYA_GATEWAY_CONCURRENT: "0" },
    { ASYA_GATEWAY_AUTH: "maybe" },
  ];
  for (const env of table) {
    assert.throws(() => readSettings(ACCESS_SETTINGS, env), { name: "SettingsError" });
  }
  assert.deepEqual(readSettings(ACCESS_SETTINGS, { ASYA_GATEWAY_HOSTS: "a.b, [::1]" }).hosts, [
    "a.b",
    "[::1]",
  ]);
});
