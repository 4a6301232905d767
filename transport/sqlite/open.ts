/** The embedded transport: one SQLite file, shared by the processes of one machine. */

import { resolve } from "node:path";
import { createLogger, type Logger } from "@asya/telemetry";
import { queueName, withOwnQueue } from "../names.ts";
import type { Transport } from "../queue.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { openDatabase } from "./file.ts";
import type { CommitStats } from "./group_commit.ts";
import { SqliteQueue } from "./queue.ts";

/** SQLite keeps no value larger than 10^9 bytes; some of it is for the row around it. */
const LARGEST_MESSAGE = 999_000_000;

/** How to open a file as a transport. */
export interface SqliteOptions {
  /** The database file; created (mode 600) where it is missing, its folder `<path>.d` too. */
  readonly path: string;
  /** Creates the folder that the file is to be in. Default: it must exist. */
  readonly createFolder?: boolean;
  /** Default: warnings and errors to standard error. */
  readonly log?: Logger;
  /** Goes into the names of the queues. Default: none. */
  readonly prefix?: string | undefined;
  /** The one actor whose queue is called `queueName`. Default: none. */
  readonly actor?: string;
  /** See `actor`. */
  readonly queueName?: string | undefined;
  /** Default 256 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /** How long a process that hangs keeps its deliveries, in ms; one that died loses them at once. Default 30,000. */
  readonly leaseMs?: number;
  /** How long a call waits while another process writes, in ms. Default 10,000. */
  readonly busyMs?: number;
  /** The time in ms since 1970, for delays and leases. Default `Date.now`. */
  readonly now?: () => number;
}

/** {@linkcode Transport} on a file. */
export interface SqliteTransport extends Transport {
  /** How well calls were grouped into transactions, since it was opened. */
  readonly stats: CommitStats;
}

/** Makes a transport of an engine, which it closes in the end. */
export function transportOn(engine: Engine): SqliteTransport {
  return {
    name: "sqlite",
    get stats() {
      return engine.commits.stats;
    },
    queue: (actor) => new SqliteQueue(engine, actor),
    close: () => engine.close(),
  };
}

/** The engine's options, with their defaults. */
export function engineOptions(options: SqliteOptions): EngineOptions {
  const { leaseMs = 30_000, busyMs = 10_000, now = Date.now, prefix } = options;
  return {
    path: resolve(options.path),
    log: options.log ?? createLogger({ level: "warn" }),
    leaseMs,
    busyMs,
    now: () => Math.floor(now()),
    maxMessageBytes: Math.min(options.maxMessageBytes ?? 256 * 1024 * 1024, LARGEST_MESSAGE),
    queueName: withOwnQueue((actor) => queueName(actor, prefix), options),
  };
}

/**
 * Opens the file. The process needs leave to read and write the file, its `-wal` and `-shm`
 * siblings, and the folder `<path>.d`.
 *
 * Messages of a queue are delivered in the order in which they were committed; one that was
 * delayed, released or taken over from a dead process takes its old place among those still ready.
 *
 * @throws TransportUnavailable with what to do: no folder, no permission, damaged, newer version
 */
export function openSqliteTransport(options: SqliteOptions): SqliteTransport {
  const complete = engineOptions(options);
  const db = openDatabase(complete.path, options.createFolder);
  return transportOn(new Engine(db, complete));
}
