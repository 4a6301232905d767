/** The conformance suite of MCP against our endpoint, in both revisions that it speaks. */

import assert from "node:assert/strict";
import { npmHas, runNpm } from "./npm_tool.ts";
import { startConformanceServer } from "./server.ts";

const STABLE = "npm:@modelcontextprotocol/conformance@0.1.16";
const ALPHA = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12";
const LIMIT_MS = 180_000;

const RUNS = [
  { suite: STABLE, revision: "2025-11-25", select: [], scenarios: 30 },
  {
    suite: ALPHA,
    revision: "2026-07-28",
    select: ["--suite", "all", "--spec-version", "2026-07-28"],
    scenarios: 40,
  },
  // Only so are the scenarios of the tasks extension among them.
  {
    suite: ALPHA,
    revision: "2026-07-28",
    select: ["--requirements", "2026-07-28"],
    scenarios: 50,
  },
];

for (const { suite, revision, select, scenarios } of RUNS) {
  const there = await npmHas(suite);
  const why = there ? "" : ", skipped: npm cannot be reached";
  Deno.test({
    name: `McpEndpoint conforms to ${revision} (${[suite, ...select].join(" ")})${why}`,
    ignore: !there,
    async fn() {
      await using server = await startConformanceServer();
      const expected = new URL(`expected-failures-${revision}.yml`, import.meta.url).pathname;
      const { code, text } = await runNpm({
        module: suite,
        args: ["server", "--url", server.url, "--expected-failures", expected, ...select],
        limitMs: LIMIT_MS,
      });
      assert.equal(code, 0, text.slice(-5_000));
      const ran = text.match(/^[✓✗~].*: [0-9]+ passed/gm) ?? [];
      assert.ok(
        ran.length >= scenarios,
        `only ${ran.length} scenarios ran:\n${text.slice(-5_000)}`,
      );
    },
  });
}
