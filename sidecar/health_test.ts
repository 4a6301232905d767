import assert from "node:assert/strict";
import { AddressUnusable, healthRoutes, serveHealth } from "./health.ts";
import type { Sidecar, SidecarStats } from "./sidecar.ts";
import { Stage, until } from "./test_stage.ts";

const ADDRESS = { hostname: "127.0.0.1", port: 0 };

Deno.test("serveHealth() answers probes and Prometheus", async () => {
  await using stage = await Stage.open();
  const sidecar = stage.start();
  await until(() => sidecar.stats().ready, "to be ready");
  const server = serveHealth(sidecar, { address: ADDRESS, metrics: true });
  try {
    const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
    for (const path of ["/health", "/health/live", "/health/ready"]) {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      await answer.body?.cancel();
    }
    const metrics = await get("/metrics");
    assert.match(metrics.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    assert.match(await metrics.text(), /# TYPE asya_actor_active_messages gauge/);
    await sidecar.drain(0);
    const ready = await get("/health/ready");
    assert.equal(ready.status, 503);
    assert.deepEqual(await ready.json(), { ready: false, trouble: "draining", inFlight: 0 });
  } finally {
    await server.close();
  }
});

Deno.test("serveHealth() names the variable when the port is in use", async () => {
  await using stage = await Stage.open();
  const sidecar = stage.start();
  const first = serveHealth(sidecar, { address: ADDRESS, metrics: false });
  try {
    const address = { ...ADDRESS, port: first.port };
    assert.throws(() => serveHealth(sidecar, { address, metrics: false }), (error) => {
      assert.ok(error instanceof AddressUnusable);
      assert.match(error.message, /ASYA_METRICS_ADDR/);
      return true;
    });
    const answer = await fetch(`http://127.0.0.1:${first.port}/metrics`);
    assert.equal(answer.status, 404);
    await answer.body?.cancel();
  } finally {
    await first.close();
  }
});

Deno.test("healthRoutes() is not live once the sidecar cannot go on", async () => {
  const stats = { ready: false, trouble: "stopped", inFlight: 0 } as SidecarStats;
  const broken: Sidecar = {
    stats: () => stats,
    metricsText: () => Promise.resolve(""),
    drain: () => Promise.resolve(),
    done: Promise.reject(new Error("stopped")),
  };
  const routes = healthRoutes(broken, false);
  await broken.done.catch(() => undefined);
  assert.equal((await routes(new Request("http://sidecar/health/live"))).status, 503);
});
