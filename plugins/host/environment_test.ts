import assert from "node:assert/strict";
import { buildAssemblyScript } from "../build/assemblyscript.ts";
import type { PluginMetric, PluginOptions } from "../plugin.ts";
import { PATIENT, withPlugin } from "./testdata/with_plugin.ts";

const module = await buildAssemblyScript(new URL("./testdata/assembly/asks.ts", import.meta.url));
const MODULE = { module, limits: { ...PATIENT, kernelBytes: 32 << 20 } };

/** What one call of a function gives. */
async function use(
  functionName: string,
  inputs: readonly string[],
  options: Partial<PluginOptions> = {},
) {
  const outputs: string[] = [];
  const partials: string[] = [];
  const metrics: PluginMetric[] = [];
  await withPlugin(functionName, async (plugin) => {
    for (const input of inputs) {
      const output = plugin.call({
        input: new TextEncoder().encode(input),
        context: {},
        onPartial: (body) => partials.push(new TextDecoder().decode(body)),
        onMetric: (metric) => metrics.push(metric),
      });
      outputs.push(
        await output.then(
          (bytes) => new TextDecoder().decode(bytes),
          ({ code, message }) => `${code}: ${message}`,
        ),
      );
    }
  }, { ...MODULE, ...options });
  return { outputs, partials, metrics };
}

for (const level of ["worker", "inline"] as const) {
  const limits = level === "inline" ? { ...MODULE.limits, timeoutMs: 100 } : MODULE.limits;
  Deno.test(`${level}: a guest gives partial results and metrics`, async () => {
    const { outputs, partials, metrics } = await use("report", ["3"], { level, limits });
    assert.deepEqual(outputs, ["3"]);
    assert.deepEqual(partials, ["0", "1", "2"]);
    assert.deepEqual(metrics, [{ name: "steps", value: 3, labels: {} }]);
  });

  Deno.test(`${level}: a guest may not flood with partial results`, async () => {
    const { outputs, partials } = await use("report", ["5000"], { level, limits });
    assert.match(outputs[0]!, /^host_limit: .*1000/);
    assert.equal(partials.length, 1_000);
  });

  Deno.test(`${level}: a guest keeps state for the calls after it, within its bound`, async () => {
    const options = { level, limits, stateBytes: 1_000 };
    const { outputs } = await use("count", ["a", "a", "b", "a"], options);
    assert.deepEqual(outputs, ["1", "2", "1", "3"]);
    const { outputs: full } = await use("fill", ["500", "2000"], options);
    assert.equal(full[0], "500");
    assert.match(full[1]!, /^host_limit: the actor's state would have/);
    const { outputs: denied } = await use("count", ["a"], { level, limits });
    assert.match(denied[0]!, /^denied: the actor may keep no state/);
  });
}

Deno.test("worker: all workers of a plugin share their state", async () => {
  await withPlugin("count", async (plugin) => {
    const calls = Array.from(
      { length: 40 },
      () => plugin.call({ input: new TextEncoder().encode("a"), context: {} }),
    );
    const counts = (await Promise.all(calls)).map((bytes) =>
      Number(new TextDecoder().decode(bytes))
    );
    assert(Math.max(...counts) > 20, `${counts}: workers that did not share would count apart`);
  }, { ...MODULE, workers: 2, stateBytes: 1_000 });
});

Deno.test("worker: a guest asks the hosts that its actor allows, and no others", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/away") return Response.redirect("http://localhost:1/");
    return new Response(`${request.method} ${pathname}`);
  });
  const host = `127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  const options = { allowedHosts: [`private:${host}`] };
  const urls = [
    `http://${host}/x`,
    `http://${host}/away`,
    "http://localhost:1/",
    "file:///etc/passwd",
  ];
  const { outputs } = await use("fetch", urls, options);
  assert.equal(outputs[0], "200 GET /x");
  assert.match(outputs[1]!, /^302/);
  assert.match(outputs[2]!, /^denied: http to localhost:1 is not allowed/);
  assert.match(outputs[3]!, /^denied: only http and https/);
});

Deno.test("inline: no HTTP, and no long limits", async () => {
  const { limits } = MODULE;
  const level = "inline";
  await assert.rejects(use("report", ["1"], { level, limits }), {
    code: "denied",
    message: /at most 100 ms, not 5000 ms/,
  });
  const short = { ...limits, timeoutMs: 100 };
  await assert.rejects(
    use("report", ["1"], { level, limits: short, allowedHosts: ["example.com"] }),
    {
      code: "denied",
      message: /no HTTP/,
    },
  );
  const { outputs } = await use("fetch", ["http://example.com/"], { level, limits: short });
  assert.match(outputs[0]!, /^denied: .*no HTTP/);
});

Deno.test("worker: every call of many at once has its own partial results before its result", async () => {
  const padding = " ".repeat(100_000); // JSON all the same, and too much for one hand-over
  await withPlugin("report", async (plugin) => {
    const calls = Array.from({ length: 120 }, async (_, n) => {
      const partials: string[] = [];
      const steps = n % 4;
      const input = new TextEncoder().encode(`${steps}${n % 3 === 0 ? padding : ""}`);
      const onPartial = (body: Uint8Array) => partials.push(new TextDecoder().decode(body));
      const output = await plugin.call({ input, context: {}, onPartial });
      assert.equal(Number(new TextDecoder().decode(output)), steps);
      assert.deepEqual(partials, ["0", "1", "2"].slice(0, steps));
    });
    await Promise.all(calls);
  }, { ...MODULE, workers: 2, stateBytes: 0 });
});
