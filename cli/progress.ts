/** An envelope's updates as lines for a person. */

/** The data of an `update` event. */
export interface Update {
  readonly status: string;
  readonly message?: string;
  readonly result?: unknown;
  readonly error?: unknown;
  readonly progress_percent?: number;
  readonly actor?: string;
  readonly actors?: readonly string[];
  readonly current_actor_idx?: number;
  readonly envelope_state?: string;
  /** Number of the attempt at the actor, where it is not the first. */
  readonly attempt?: number;
  /** Of a `completed`: how long the handler took, in milliseconds. */
  readonly duration_ms?: number;
  readonly timestamp: string;
}

const FINAL = ["succeeded", "failed", "cancelled"];

/** Whether nothing comes after it. */
export function isFinal(update: Update): boolean {
  return FINAL.includes(update.status);
}

/** `+1.204s  40 %  scorer  processing`, the time since `start` (ms since 1970). */
export function updateLine(update: Update, start: number): string {
  const seconds = Math.max(0, Date.parse(update.timestamp) - start) / 1_000;
  const percent = update.progress_percent === undefined
    ? ""
    : `${Math.floor(update.progress_percent)} %`;
  const { actors = [], current_actor_idx: index } = update;
  const actor = update.actor ?? (index === undefined ? undefined : actors[index]);
  const what = [update.envelope_state ?? update.status, update.message].filter(Boolean).join(": ");
  const columns = [`+${seconds.toFixed(3)}s`.padStart(9), percent.padStart(6), actor, what];
  return columns.filter((column) => column !== undefined).join("  ");
}
