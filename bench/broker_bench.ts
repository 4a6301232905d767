/**
 * RabbitMQ, and the system on it: every figure stands beside a bare relay of the client library
 * that was measured in turns with it, on a broker that runs on the same machine.
 */

import { latency } from "./broker/latency.ts";
import { reports } from "./broker/reports.ts";
import { broker } from "./broker/scene.ts";
import { start } from "./broker/start.ts";
import { ends, sleeping, throughput } from "./broker/throughput.ts";
import type { Row } from "./row.ts";

/** All rows; about six minutes. */
export async function bench(): Promise<Row[]> {
  await using running = await broker();
  const rows: Row[] = [];
  for (const part of [ends, throughput, sleeping, latency, start, reports]) {
    rows.push(...await part(running.url));
  }
  return rows;
}
