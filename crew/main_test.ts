import assert from "node:assert/strict";
import { encodeEnvelope } from "@asya/envelope";
import { openSqliteTransport } from "@asya/transport";

const MAIN = new URL("./main.ts", import.meta.url).pathname;
const CONFIG = new URL("../deno.json", import.meta.url).pathname;

function crew(env: Record<string, string>) {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--config=${CONFIG}`, MAIN],
    env: { ASYA_TRANSPORT: "sqlite", ASYA_METRICS_ADDR: "127.0.0.1:0", ...env },
    stdout: "piped",
    stderr: "piped",
  });
}

Deno.test("crew main keeps a result and reports it before the input is acknowledged", async () => {
  const dir = await Deno.makeTempDir();
  const finals = Promise.withResolvers<unknown>();
  const gateway = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const body = await request.json();
    if (!new URL(request.url).pathname.endsWith("/final")) {
      return Response.json({}, { status: 404 });
    }
    finals.resolve(body);
    return Response.json({ status: "ok" });
  });
  const transport = openSqliteTransport({ path: `${dir}/asya.db` });
  const queue = transport.queue("happy-end");
  await queue.declare("happy-end");
  const body = encodeEnvelope({
    id: "e-1",
    route: { actors: ["a"], current: 1, extra: new Map() },
    payload: new TextEncoder().encode('{"ok":true}'),
    extra: new Map(),
  });
  await queue.send([{ actor: "happy-end", body, messageId: "e-1" }]);

  const child = crew({
    ASYA_ACTOR_NAME: "happy-end",
    ASYA_SQLITE_PATH: `${dir}/asya.db`,
    ASYA_RESULTS_DIR: `${dir}/results`,
    ASYA_GATEWAY_URL: `http://127.0.0.1:${gateway.addr.port}`,
  }).spawn();
  const final = await finals.promise as { status: string; result: unknown };
  assert.deepEqual([final.status, final.result], ["succeeded", { ok: true }]);
  const kept = JSON.parse(await Deno.readTextFile(`${dir}/results/happy-end/e-1.json`));
  assert.deepEqual(kept.payload, { ok: true });

  child.kill("SIGTERM");
  const { code } = await child.output();
  assert.equal(code, 0);
  assert.deepEqual(await queue.depth("happy-end"), { ready: 0, inFlight: 0, delayed: 0 });
  await transport.close();
  await gateway.shutdown();
  await Deno.remove(dir, { recursive: true });
});

for (const [set, unsettled] of [[undefined, 9], ["2", 3]] as const) {
  const name = set === undefined ? "without ASYA_CONCURRENCY" : `with ASYA_CONCURRENCY=${set}`;
  Deno.test(`crew main ${name} has ${unsettled} envelopes in hand`, async () => {
    const dir = await Deno.makeTempDir();
    const answered = Promise.withResolvers<void>();
    let asked = 0;
    const gateway = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async () => {
      asked++;
      await answered.promise;
      return Response.json({ status: "ok" });
    });
    const transport = openSqliteTransport({ path: `${dir}/asya.db` });
    const queue = transport.queue("happy-end");
    await queue.declare("happy-end");
    const bodies = Array.from({ length: 12 }, (_, n) =>
      encodeEnvelope({
        id: `e-${n}`,
        route: { actors: ["a"], current: 1, extra: new Map() },
        payload: new TextEncoder().encode("1"),
        extra: new Map(),
      }));
    await queue.send(bodies.map((body) => ({ actor: "happy-end", body, messageId: "m" })));
    const child = crew({
      ASYA_ACTOR_NAME: "happy-end",
      ASYA_SQLITE_PATH: `${dir}/asya.db`,
      ASYA_RESULTS_DIR: `${dir}/results`,
      ASYA_GATEWAY_URL: `http://127.0.0.1:${gateway.addr.port}`,
      ...set === undefined ? {} : { ASYA_CONCURRENCY: set },
    }).spawn();
    for (const end = performance.now() + 15_000; asked < unsettled && performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { inFlight } = await queue.depth("happy-end");
    answered.resolve();
    child.kill("SIGTERM");
    assert.equal((await child.output()).code, 0);
    assert.deepEqual([asked >= unsettled, inFlight], [true, unsettled]);
    await transport.close();
    await gateway.shutdown();
    await Deno.remove(dir, { recursive: true });
  });
}

Deno.test("crew main refuses an unknown actor and a missing folder, both at once", async () => {
  const dir = await Deno.makeTempDir();
  const { code, stderr } = await crew({
    ASYA_ACTOR_NAME: "sad-end",
    ASYA_SQLITE_PATH: `${dir}/asya.db`,
  }).output();
  const text = new TextDecoder().decode(stderr);
  assert.equal(code, 2);
  assert.match(text, /"sad-end": expected one of happy-end, error-end/);
  assert.match(text, /ASYA_RESULTS_DIR is not set/);
  await Deno.remove(dir, { recursive: true });
});
