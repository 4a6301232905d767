/** A temporary folder with a queue file in it, for the tests beside. */

import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { createLogger } from "@asya/telemetry";
import { Engine } from "./engine.ts";
import { openDatabase } from "./file.ts";
import { engineOptions, type SqliteOptions, type SqliteTransport, transportOn } from "./open.ts";

/** What a test gets. */
export interface Fixture {
  readonly folder: string;
  readonly path: string;
  /** Opens the file once more; closed after the test. `db` is the connection itself. */
  open(options?: Partial<SqliteOptions>): SqliteTransport & { readonly db: DatabaseSync };
}

/** Registers a test with a folder of its own. */
export function withFile(title: string, run: (fixture: Fixture) => Promise<void> | void): void {
  Deno.test(title, async () => {
    const folder = await Deno.makeTempDir({ prefix: "asya-" });
    const path = join(folder, "queue.sqlite");
    const opened: SqliteTransport[] = [];
    const log = createLogger({ level: "error", write: () => {} });
    const open = (options: Partial<SqliteOptions> = {}) => {
      const db = openDatabase(path);
      const transport = transportOn(new Engine(db, engineOptions({ path, log, ...options })));
      opened.push(transport);
      return Object.assign(Object.create(transport), { db });
    };
    try {
      await run({ folder, path, open });
    } finally {
      for (const transport of opened) await transport.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}
