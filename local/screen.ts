/**
 * What `dev` shows: lines that stay, and on a terminal the table of actors below them, redrawn in
 * place. Not on a terminal there are only lines.
 */

import { type ActorPhase, type ActorState, actorTable, type Style, styled } from "./table.ts";

/** `live` redraws a table, `lines` only appends, `none` is silent. */
export type ConsoleMode = "live" | "lines" | "none";

/** Where `dev` writes for a person. */
export interface Screen {
  /** One line, under the name of the actor that it is about. */
  line(text: string, about?: { readonly actor?: string; readonly style?: Style }): void;
  /** An actor entered a phase. Where the table shows it, no line is written. */
  phase(actor: string, phase: ActorPhase, trouble?: string): void;
  /** Draws the last state and lets go of the terminal. */
  close(): void;
}

/** The terminal, or what stands for it. */
export interface Output {
  /** All of the text. */
  write(text: string): void;
  /** Whether escape codes are understood and wanted. */
  readonly colour: boolean;
  /** Now. */
  size(): { readonly columns: number; readonly rows: number };
}

/** Standard output; colours on a terminal unless `NO_COLOR` is set. */
export function standardOutput(): Output {
  const encoder = new TextEncoder();
  return {
    colour: Deno.stdout.isTerminal() && !Deno.noColor,
    size: () => Deno.stdout.isTerminal() ? Deno.consoleSize() : { columns: 120, rows: 1_000 },
    write(text) {
      const bytes = encoder.encode(text);
      for (let sent = 0; sent < bytes.length;) sent += Deno.stdout.writeSync(bytes.subarray(sent));
    },
  };
}

const REDRAW_MS = 200;

/** Escapes and other control characters of a handler's output must not move our table. */
function harmless(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, "").replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
}

/** Makes the screen of a mode. */
export function openScreen(
  mode: ConsoleMode,
  states: () => readonly ActorState[],
  output: Output = standardOutput(),
): Screen {
  if (mode === "none") return { line() {}, phase() {}, close() {} };
  const { colour } = output;
  let drawn = 0;
  let shown = "";
  let timer: ReturnType<typeof setInterval> | undefined;

  // What is higher than the terminal scrolls away and cannot be erased.
  const table = () => {
    const { columns, rows } = output.size();
    return actorTable(states(), { width: columns - 1, height: rows - 1, colour });
  };
  const erase = () => drawn === 0 ? "" : `\x1b[${drawn}A\r\x1b[J`;
  const draw = (above: string) => {
    const lines = table();
    const text = lines.map((line) => `${line}\n`).join("");
    if (above === "" && text === shown) return;
    output.write(erase() + above + text);
    drawn = lines.length;
    shown = text;
  };
  const write = (text: string) => mode === "live" ? draw(text) : output.write(text);

  if (mode === "live") timer = setInterval(() => draw(""), REDRAW_MS);
  return {
    line(text, { actor, style } = {}) {
      const name = actor === undefined ? "" : `${styled("bold", actor, colour)} │ `;
      const body = harmless(text);
      write(`${name}${style ? styled(style, body, colour) : body}\n`);
    },
    phase(actor, phase, trouble) {
      if (mode === "lines") this.line(trouble ? `${phase}: ${trouble}` : phase, { actor });
    },
    close() {
      clearInterval(timer);
      if (mode === "live") draw("");
    },
  };
}
