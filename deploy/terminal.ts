/** What is printed: colours where they are wanted, and a block that is redrawn in a terminal. */

/** Where the output goes. */
export interface Terminal {
  /** A line to standard output. */
  line(text?: string): void;
  /** Shows these lines in place of the last block; where that cannot be, the ones that changed. */
  block(lines: readonly string[]): void;
  /** The next block is a new one. */
  endBlock(): void;
  /** Colours for what is written to it. */
  readonly paint: Paint;
}

/** Marks for a line's meaning. */
export interface Paint {
  /** It is as it should be. */
  good(text: string): string;
  /** It must be mended. */
  bad(text: string): string;
  /** It may be wrong. */
  warn(text: string): string;
  /** Not to be looked at first. */
  dim(text: string): string;
  /** To be looked at first. */
  strong(text: string): string;
}

const plain = (text: string) => text;
const sgr = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;

/** Colours, or none. */
export function paintFor(colours: boolean): Paint {
  if (!colours) return { good: plain, bad: plain, warn: plain, dim: plain, strong: plain };
  return { good: sgr(32), bad: sgr(31), warn: sgr(33), dim: sgr(2), strong: sgr(1) };
}

/** Lines of `now` that were not in the block before: what is worth a line in a log. */
export function changedLines(before: readonly string[], now: readonly string[]): string[] {
  return now.filter((line) => !before.includes(line));
}

/**
 * A terminal, or a file, on `write`.
 *
 * @param live whether lines can be overwritten
 */
export function openTerminal(
  write: (text: string) => void,
  { live, colours }: { readonly live: boolean; readonly colours: boolean },
): Terminal {
  let shown: readonly string[] = [];
  return {
    paint: paintFor(colours),
    line: (text = "") => write(`${text}\n`),
    block(lines) {
      if (live) {
        const back = shown.length > 0 ? `\x1b[${shown.length}A\x1b[0J` : "";
        write(back + lines.map((line) => `${line}\n`).join(""));
      } else {
        for (const line of changedLines(shown, lines)) write(`${line}\n`);
      }
      shown = lines;
    },
    endBlock() {
      shown = [];
    },
  };
}
