import assert from "node:assert/strict";
import { answer } from "./health.ts";

const FINE = {
  dead: () => undefined,
  trouble: () => undefined,
  metrics: () => Promise.resolve("m"),
};

async function get(
  path: string,
  told: Parameters<typeof answer>[1] = FINE,
): Promise<[number, string]> {
  const response = await answer(new Request(`http://operator${path}`), told);
  return [response.status, await response.text()];
}

Deno.test("answer() tells live, ready and metrics, and nothing else", async () => {
  assert.equal((await get("/health/live"))[0], 200);
  assert.equal((await get("/health/ready"))[0], 200);
  assert.deepEqual(await get("/metrics"), [200, "m"]);
  assert.equal((await get("/other"))[0], 404);
});

Deno.test("answer() is not ready, but alive, while the cluster cannot be seen", async () => {
  const told = { ...FINE, trouble: () => "the API server is away" };
  const [status, body] = await get("/health/ready", told);
  assert.equal(status, 503);
  assert.match(body, /the API server is away/);
  assert.equal((await get("/health/live", told))[0], 200);
});
