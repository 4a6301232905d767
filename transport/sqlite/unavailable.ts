/**
 * Turns what SQLite and the file system report into an error that names the file and says what a
 * person can do about it.
 */

import { TransportUnavailable } from "../queue.ts";

interface Cause {
  /** SQLite's primary result code. */
  readonly code: number;
  /** What SQLite says when its code did not come through. */
  readonly text: string;
  readonly advice: (path: string) => string;
}

const CAUSES: readonly Cause[] = [
  {
    code: 5,
    text: "is locked",
    advice: (path) =>
      `another process keeps the write lock of ${path}; find it with "fuser ${path}" and end it`,
  },
  {
    code: 8,
    text: "readonly database",
    advice: (path) => `${path} cannot be written; check its owner, mode and mount`,
  },
  {
    code: 10,
    text: "disk I/O error",
    advice: (path) => `the disk that holds ${path} fails; check it with "dmesg"`,
  },
  {
    code: 11,
    text: "malformed",
    advice: (path) =>
      `${path} is damaged; stop its users, save it with "sqlite3 ${path} .recover", replace it`,
  },
  {
    code: 13,
    text: "disk is full",
    advice: (path) => `the disk that holds ${path} is full; make room, work goes on by itself`,
  },
  {
    code: 14,
    text: "unable to open",
    advice: (path) => `${path} cannot be opened; check that its folder exists and can be written`,
  },
  {
    code: 26,
    text: "not a database",
    advice: (path) => `${path} is not an SQLite database; name another file`,
  },
];

const BUSY = 5;

function isSqlite(error: unknown): error is Error & { readonly errcode?: number } {
  return error instanceof Error && "code" in error &&
    (error.code === "ERR_SQLITE_ERROR" || error.code === "ERR_INVALID_STATE");
}

function causeOf(error: Error & { readonly errcode?: number }): Cause | undefined {
  const code = error.errcode === undefined ? undefined : error.errcode & 0xff;
  return CAUSES.find((cause) => code === cause.code) ??
    CAUSES.find((cause) => error.message.includes(cause.text));
}

/** Whether the error says that somebody else holds the write lock. */
export function isBusy(error: unknown): boolean {
  return isSqlite(error) && causeOf(error)?.code === BUSY;
}

/** The transport's error for one of SQLite's; anything else (a defect of ours) comes back as it is. */
export function unavailable(path: string, error: unknown): unknown {
  if (!isSqlite(error)) return error;
  const advice = causeOf(error)?.advice(path) ?? `${path} cannot be used`;
  return new TransportUnavailable(`${advice} (SQLite: ${error.message})`, { cause: error });
}
