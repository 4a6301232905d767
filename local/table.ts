/** The state of all actors as lines of text, one an actor. */

import type { Interpreter } from "@asya/manifest";

/** What an actor is doing. */
export type ActorPhase =
  | "ready" // takes envelopes
  | "waiting" // for its handler to come up
  | "crashed" // its handler ended by itself and will be started again
  | "draining" // finishes what is in flight
  | "stopped";

/** An actor at one moment; counts since `dev` began. */
export interface ActorState {
  /** As in its manifest. */
  readonly name: string;
  /** What runs its handler; `crew` is an end actor of ours. */
  readonly kind: Interpreter | "wasm" | "crew";
  /** What it is doing. */
  readonly phase: ActorPhase;
  /** Why it is not ready, in one sentence. */
  readonly trouble?: string;
  /** Calls running now. */
  readonly inFlight: number;
  /** Envelopes sent on, or kept by an end actor. */
  readonly done: number;
  /** Envelopes sent to `error-end` or to the dead letters. */
  readonly failed: number;
  /** Attempts that were scheduled again. */
  readonly retried: number;
  /** Envelopes done a second, over the last few seconds. */
  readonly rate: number;
  /** Of the handler's process. */
  readonly pid?: number;
  /** How often the handler's process was started. */
  readonly starts: number;
}

const RESET = "\x1b[0m";
const STYLES = {
  dim: "\x1b[2m",
  bold: "\x1b[1m",
  red: "\x1b[31m",
  green: "\x1b[32m",
  yellow: "\x1b[33m",
};

/** A look of text on a terminal. */
export type Style = keyof typeof STYLES;

/** Text in a style; as it is where colours are not wanted. */
export function styled(style: Style, text: string, colour: boolean): string {
  return colour ? `${STYLES[style]}${text}${RESET}` : text;
}

const PHASE_STYLE: Readonly<Record<ActorPhase, Style>> = {
  ready: "green",
  waiting: "yellow",
  crashed: "red",
  draining: "yellow",
  stopped: "dim",
};

function rateText(rate: number): string {
  return rate === 0 ? "" : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`;
}

/** How a table is drawn; sizes in characters. */
export interface TableOptions {
  readonly width: number;
  /** At least 3. What does not fit is counted in a last line. */
  readonly height: number;
  readonly colour: boolean;
}

/** The table, its head first. */
export function actorTable(
  states: readonly ActorState[],
  { width, height, colour }: TableOptions,
): string[] {
  const longest = Math.max(5, ...states.map(({ name }) => name.length));
  const nameWidth = Math.min(longest, Math.max(8, width - 52));
  const name = (text: string) =>
    (text.length > nameWidth ? `${text.slice(0, nameWidth - 1)}…` : text)
      .padEnd(nameWidth);
  const counts = (values: readonly (string | number)[]) =>
    values.map((value) => String(value).padStart(9)).join("");
  const fit = (text: string) => text.slice(0, width);
  const head = `${name("actor")}  ${"state".padEnd(8)}${
    counts(["in flight", "done", "failed", "rate"])
  }`;
  const rows = states.map(({ name: actor, phase, inFlight, done, failed, rate, trouble }) => {
    const before = `${name(actor)}  `;
    const after = counts([inFlight, done, failed, rateText(rate)]);
    const why = trouble ? `  ${trouble.replaceAll(/\s+/g, " ")}` : "";
    const plain = fit(`${before}${phase.padEnd(8)}${after}${why}`);
    const at = before.length;
    const word = plain.slice(at, at + 8);
    return plain.slice(0, at) + styled(PHASE_STYLE[phase], word, colour) + plain.slice(at + 8);
  });
  const lines = [styled("dim", fit(head), colour), ...rows];
  if (lines.length <= height) return lines;
  const kept = Math.max(2, height - 1);
  return [...lines.slice(0, kept), styled("dim", `and ${lines.length - kept} more`, colour)];
}
