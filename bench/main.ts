/**
 * `deno task bench [ROOM...]`: every figure that the docs quote, measured in one run on this
 * machine, with the ratios between them. Absolute figures of a shared machine mean little.
 */

import { formatRow, type Row } from "./row.ts";

const SUITES: Readonly<Record<string, () => Promise<{ bench(): Promise<Row[]> }>>> = {
  sqlite: () => import("./sqlite_bench.ts"),
  socket: () => import("./socket_bench.ts"),
  wasm: () => import("./wasm_bench.ts"),
  gateway: () => import("./gateway_bench.ts"),
  mcp: () => import("./mcp_bench.ts"),
  system: () => import("./system_bench.ts"),
  broker: () => import("./broker_bench.ts"),
  operator: () => import("./operator_bench.ts"),
  soak: () => import("./broker/soak.ts"),
  "wasm-soak": () => import("./wasm/soak.ts"),
};
/** They take minutes, or a cluster: only when they are asked for. */
const ON_REQUEST = ["operator", "soak", "wasm-soak"];

const asked = Deno.args.length > 0
  ? Deno.args
  : Object.keys(SUITES).filter((name) => !ON_REQUEST.includes(name));
const unknown = asked.filter((name) => !(name in SUITES));
if (unknown.length > 0) {
  console.error(
    `no bench called ${unknown.join(", ")}; there are ${Object.keys(SUITES).join(", ")}`,
  );
  Deno.exit(2);
}
console.log(
  `Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores, ${Deno.build.target}`,
);
for (const name of asked) {
  console.log(`\n${name}`);
  const { bench } = await SUITES[name]!();
  for (const row of await bench()) console.log("  " + formatRow(row));
}
