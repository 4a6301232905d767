import assert from "node:assert/strict";
import { PluginError } from "../plugin.ts";
import { NO_HOST } from "./environment.ts";
import { compileKernel } from "./kernel/kernel.ts";
import { prepare } from "./prepare.ts";
import { Runner, type RunnerCall } from "./runner.ts";
import { guestModule } from "./testdata/assemble.ts";
import { PATIENT } from "./testdata/with_plugin.ts";

const code = {
  kind: "wasm",
  module: new WebAssembly.Module(prepare(guestModule(), 64).bytes),
  kernel: compileKernel(),
} as const;

function newRunner(): Runner {
  return new Runner({ code, functionName: "any", config: {}, limits: PATIENT });
}

/** Letters as in `ANY`: a echoes, c traps, d reports an error, e spins. */
function callsOf(letters: string, limitMs = 50): RunnerCall[] {
  return [...letters].map((letter) => ({
    input: new TextEncoder().encode(letter),
    context: {},
    limitMs,
    host: () => ({ ...NO_HOST, takeMetrics: () => [] }),
  }));
}

async function outcomes(runner: Runner, calls: readonly RunnerCall[]): Promise<string> {
  let text = "";
  for (let done = 0; done < calls.length;) {
    const some = await runner.run(calls.slice(done));
    assert(some.length > 0);
    done += some.length;
    for (const { result } of some) {
      text += result instanceof PluginError ? ` ${result.code} ` : new TextDecoder().decode(result);
    }
  }
  return text;
}

Deno.test("Runner.run() makes short calls together", async () => {
  const runner = newRunner();
  let together = 0;
  // On a busy machine the first call may take as long as all together may.
  for (let tries = 0; tries < 50 && together < 2; tries++) {
    together = (await runner.run(callsOf("aaaaaaaa", 5_000))).length;
  }
  assert(together > 1, `${together} at once`);
});

Deno.test("Runner.run() blames the call that failed, and the others pass on a fresh guest", async () => {
  const runner = newRunner();
  assert.equal(
    await outcomes(runner, callsOf("aacaadaaeaa")),
    "aa trap aa guest_error aa timeout aa",
  );
});

Deno.test("Runner.run() keeps the limit of each call", async () => {
  const runner = newRunner();
  const began = performance.now();
  const calls = [...callsOf("a", 60_000), ...callsOf("e", 40), ...callsOf("a", 60_000)];
  assert.equal(await outcomes(runner, calls), "a timeout a");
  assert(performance.now() - began < 10_000);
});

Deno.test("Runner.run() says why no guest can be made", async () => {
  const limits = { ...PATIENT, kernelBytes: 10 };
  const runner = new Runner({ code, functionName: "any", config: {}, limits });
  const [{ result } = assert.fail("one")] = await runner.run(callsOf("aaa"));
  assert.equal((result as PluginError).code, "memory_limit");
});
