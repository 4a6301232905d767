/** How the demo prints: a few kinds of lines, colours only on a terminal that wants them. */

/** What can be printed. */
export interface Page {
  title(text: string): void;
  line(text: string): void;
  /** Less important than a line. */
  note(text: string): void;
  /** Text of somebody else, indented. */
  quote(text: string): void;
  /** Numbers are set to the right. */
  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void;
  /** A command to try, with what it does. */
  command(text: string, what: string): void;
}

/** A page on the terminal, or plain text where standard output is none. */
export function terminal(out: { isTerminal(): boolean }): Page {
  const colour = out.isTerminal() && !Deno.env.get("NO_COLOR");
  const paint = (code: number) => (text: string) => colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const bold = paint(1), dim = paint(2), cyan = paint(36);
  const line = (text: string) => console.log(text === "" ? "" : `  ${text}`);
  return {
    title: (text) => console.log(`\n${bold(text)}`),
    line,
    note: (text) => line(dim(text)),
    quote: (text) => text.split("\n").forEach((part) => line(dim(`  | ${part}`))),
    table(head, rows) {
      const cells = [head, ...rows].map((row) => row.map(String));
      const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
      const text = (row: readonly string[]) =>
        row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join(
          "  ",
        );
      cells.forEach((row, index) => line(index === 0 ? dim(text(row)) : text(row)));
    },
    command: (text, what) => line(`${cyan(text)}\n      ${dim(what)}`),
  };
}
