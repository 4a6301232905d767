/** Databases of a test's own on the server that the run has. */

import { createLogger, type Logger } from "@asya/telemetry";
import postgres from "postgres";
import type { Store } from "../store.ts";
import { openPostgresStore } from "../postgres.ts";

/** The server's URL; its user may make databases. Absent: such tests are skipped. */
export const SERVER = Deno.env.get("ASYA_TEST_POSTGRES_URL");

/** For {@linkcode Deno.test}, before the test's name and after it. */
export const WITHOUT = {
  ignore: SERVER === undefined,
  why: SERVER === undefined ? " (needs ASYA_TEST_POSTGRES_URL)" : "",
};

/** A database without tables. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  /** What its stores logged. */
  readonly logged: string[];
  readonly log: Logger;
  /** A connection of the test's own. */
  readonly sql: postgres.Sql;
  /** Opens a store in it. */
  open(options?: { retentionMs?: number }): Promise<Store>;
}

function connect(url: string): postgres.Sql {
  return postgres(url, { max: 1, onnotice: () => {}, fetch_types: false });
}

/** Makes one; its end takes all sessions with it. */
export async function testDatabase(server: string = SERVER!): Promise<TestDatabase> {
  const name = `asya_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = connect(server);
  await admin`CREATE DATABASE ${admin(name)}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  const sql = connect(url.href);
  const logged: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => logged.push(line) });
  return {
    url: url.href,
    logged,
    log,
    sql,
    open: (options = {}) => openPostgresStore(url.href, { log, ...options }),
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 5 });
      await admin`DROP DATABASE ${admin(name)} WITH (FORCE)`;
      await admin.end({ timeout: 5 });
    },
  };
}
