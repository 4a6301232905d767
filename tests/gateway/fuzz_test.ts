import assert from "node:assert/strict";
import { startHarness } from "../../gateway/testing/harness.ts";
import { fuzz, missing } from "./schemathesis.ts";

const TOOLS = `tools:
  - name: echo
    parameters: { text: { type: string, required: true }, o: { type: object } }
    route: [prep]
    timeout: 60
  - { name: hooked, route: [prep], hook: { secretEnv: HOME } }
`;

Deno.test({
  name: `createGateway() answers whatever a fuzzer sends as its OpenAPI document says${
    missing === undefined ? "" : ` (${missing})`
  }`,
  ignore: missing !== undefined,
}, async () => {
  await using harness = await startHarness({ yaml: TOOLS });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    harness.gateway.app.fetch,
  );
  const { code, text } = await fuzz(`http://127.0.0.1:${server.addr.port}/openapi.json`);
  assert.equal(code, 0, text);
  assert.match(text, /[1-9][0-9]+ passed/);
  assert.ok(!harness.logged.some((line) => line.includes("request failed")));
});
