/** Opens the database file: private to its user, in WAL mode, every commit synced. */

import { DatabaseSync } from "node:sqlite";
import { dirname } from "node:path";
import { TransportUnavailable } from "../queue.ts";
import { prepareSchema } from "./schema.ts";
import { isBusy, unavailable } from "./unavailable.ts";

/** How often opening is tried, 20 ms apart, while another process sets the file up. */
const OPEN_ATTEMPTS = 250;
const OPEN_PAUSE_MS = 20;

/** After a checkpoint the log file is cut to this size, so that one large message does not stay. */
const LOG_KEPT_BYTES = 64 * 1024 * 1024;

function why(path: string, error: unknown): string {
  const folder = dirname(path);
  if (error instanceof Deno.errors.NotFound) {
    return `the folder ${folder} of the queue file ${path} does not exist; create it`;
  }
  if (error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.IsADirectory) {
    return `the queue file ${path} cannot be created: ${folder} must be a folder, ${path} a file`;
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `the queue file ${path} cannot be written; check owner, mode and mount (${reason})`;
}

/** Creates the file beforehand: SQLite would create it readable by everybody. */
function ensureFile(path: string, createFolder: boolean): void {
  try {
    if (createFolder) Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    Deno.openSync(path, { write: true, create: true, mode: 0o600 }).close();
    Deno.mkdirSync(wakeFolder(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new TransportUnavailable(why(path, error), { cause: error });
  }
}

/** The folder beside the database where processes wake each other and show that they live. */
export function wakeFolder(path: string): string {
  return `${path}.d`;
}

function configure(db: DatabaseSync, path: string): void {
  const mode = db.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
  if (mode !== "wal") {
    throw new TransportUnavailable(
      `the file system of ${path} cannot share memory between processes (network storage?); ` +
        "put the file on a local disk",
    );
  }
  db.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${LOG_KEPT_BYTES}`);
  prepareSchema(db, path);
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Opens the file and creates what is missing in it. Statements fail at once while another process
 * writes: waiting is the caller's, so that it does not stop the event loop.
 *
 * @throws TransportUnavailable with what to do: no folder, no permission, damaged, newer version
 */
export function openDatabase(path: string, createFolder = false): DatabaseSync {
  ensureFile(path, createFolder);
  for (let attempt = 1;; attempt++) {
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path, { timeout: 0 });
      configure(db, path);
      return db;
    } catch (error) {
      db?.close();
      if (!isBusy(error) || attempt === OPEN_ATTEMPTS) throw unavailable(path, error);
      sleep(OPEN_PAUSE_MS);
    }
  }
}
