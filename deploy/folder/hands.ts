/** What of the world the deployment of a folder needs. */

import type { Terminal } from "../terminal.ts";
import type { Run } from "../tool.ts";

/** Programs to run, a place to write to, and Ctrl-C. */
export interface Hands {
  /** Runs kubectl. */
  readonly run: Run;
  /** Where progress and results go. */
  readonly terminal: Terminal;
  /** Aborts when the user wants to stop. */
  readonly interrupted: AbortSignal;
}
