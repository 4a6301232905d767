/** What hostile guests leave behind, measured in a process of its own. */

import assert from "node:assert/strict";
import type { Footprint } from "./testdata/adversary/footprint.ts";

/** Each group of guests may leave so much: caches of code, and room that the allocator keeps. */
const GROWN_BYTES = 100e6;
const ALL_GROWN_BYTES = 200e6;

/** Of 300. A spinning thread would use them all. */
const IDLE_CPU_MS = 150;

Deno.test("Plugin gives back memory and processor after every group of adversaries, and after 10,000 calls good and bad by turns", async (t) => {
  const script = new URL("testdata/adversary/footprint.ts", import.meta.url).href;
  const flags = ["--unstable-worker-options", "--v8-flags=--expose-gc"];
  const args = ["run", "-A", ...flags, script];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert(success, new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  const footprints: Footprint[] = lines.map((line) => JSON.parse(line));
  for (const { group, calls, failed, grownBytes, idleCpuMs } of footprints) {
    await t.step(`${group}: ${calls} calls, ${failed} of them failed`, () => {
      assert(grownBytes < GROWN_BYTES, `grew by ${grownBytes} bytes`);
      assert(idleCpuMs < IDLE_CPU_MS, `used ${idleCpuMs} ms of the processor while idle`);
    });
  }
  const grown = footprints.reduce((sum, { grownBytes }) => sum + grownBytes, 0);
  assert(grown < ALL_GROWN_BYTES, `all together grew by ${grown} bytes`);
  const last = footprints.at(-1)!;
  assert.equal(last.group, "alternating");
  assert.equal(last.calls, 10_000);
  assert.equal(last.failed, 3_929, "eleven kinds of fourteen fail");
});
