/** The embedded transport under the suite that every transport must pass. */

import { join } from "node:path";
import { conformance } from "../conformance.ts";
import { FACTS } from "../conformance/facts.ts";
import { openSqliteTransport } from "./open.ts";

conformance("sqlite", async ({ shortLease }) => {
  const folder = await Deno.makeTempDir({ prefix: "asya-" });
  const path = join(folder, "queue.sqlite");
  const leaseMs = shortLease ? 150 : 30_000;
  const reopen = (now = Date.now) => openSqliteTransport({ path, leaseMs, now });
  return {
    transport: reopen(),
    reopen: () => Promise.resolve(reopen()),
    env: { ASYA_TRANSPORT: "sqlite", ASYA_SQLITE_PATH: path },
    leaseMs,
    seize: async () => {
      const future = reopen(() => Date.now() + 2 * leaseMs);
      const queue = future.queue("judge");
      await queue.declare("judge");
      const stop = new AbortController();
      const end = queue.receive({ prefetch: () => 1, signal: stop.signal })[Symbol.asyncIterator]()
        .next();
      await queue.send([]);
      stop.abort();
      await end;
      await future.close();
    },
    remove: () => Deno.remove(folder, { recursive: true }),
  };
}, FACTS.sqlite);
