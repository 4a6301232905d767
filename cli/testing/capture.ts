/** Runs one command line inside the test's process and keeps what it says. */

import { COMMANDS } from "../main.ts";
import { run } from "../run.ts";

/** What came of it. */
export interface Captured {
  readonly code: number;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly note: string;
}

/** @param input what the command finds on its standard input */
export async function capture(argv: readonly string[], input = ""): Promise<Captured> {
  let out = "";
  let note = "";
  const code = await run(COMMANDS, argv, {
    out: (text) => void (out += `${text}\n`),
    note: (text) => void (note += `${text}\n`),
    readInput: () => Promise.resolve(input),
    env: {},
    interrupted: new AbortController().signal,
  });
  return { code, out, note };
}
