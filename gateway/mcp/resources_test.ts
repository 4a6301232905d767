import assert from "node:assert/strict";
import { startHarness } from "../testing/harness.ts";
import { rpc } from "./testing.ts";

for (const revision of ["2025-11-25", "2026-07-28"] as const) {
  Deno.test(`asya://envelopes/{id} of ${revision} is what GET /envelopes/{id} answers`, async () => {
    await using harness = await startHarness();
    const id = await harness.call("echo", { text: "a", n: 1 });
    const final = '{"status":"succeeded","result":{"n":9007199254740993}}';
    await (await harness.request("POST", `/envelopes/${id}/final`, final)).body?.cancel();
    const uri = `asya://envelopes/${id}`;
    const { result } = await rpc(harness, revision, "resources/read", { uri });
    const seen = await (await harness.request("GET", `/envelopes/${id}`)).text();
    assert.match(seen, /9007199254740993/);
    assert.deepEqual(result.contents, [{ uri, mimeType: "application/json", text: seen }]);
  });

  Deno.test(`asya://envelopes/{id} of ${revision} is not there for an unknown id`, async () => {
    await using harness = await startHarness();
    const uri = "asya://envelopes/nobody";
    const { error } = await rpc(harness, revision, "resources/read", { uri });
    assert.equal(error?.code, -32602);
    assert.deepEqual(error?.data, { uri });
  });

  Deno.test(`resources/templates/list of ${revision} says where envelopes are`, async () => {
    await using harness = await startHarness();
    const { result } = await rpc(harness, revision, "resources/templates/list");
    const [template] = result.resourceTemplates;
    assert.equal(template.uriTemplate, "asya://envelopes/{id}");
    const { result: list } = await rpc(harness, revision, "resources/list");
    assert.deepEqual(list.resources, []);
  });
}

Deno.test("readEnvelope() finds ids that a URI has to encode", async () => {
  await using harness = await startHarness();
  const body = { id: "a/b c", actors: ["prep"], current: 0 };
  await (await harness.request("POST", "/envelopes", body)).body?.cancel();
  const uri = "asya://envelopes/a%2Fb%20c";
  const { result } = await rpc(harness, "2026-07-28", "resources/read", { uri });
  assert.equal(JSON.parse(result.contents[0].text).id, "a/b c");
});
