/** A mistake in a manifest, where it stands and how to mend it; and the error that carries them all. */

/** One mistake. Lines and columns count from 1. */
export interface Problem {
  /** As it was given to the reader. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** What is wrong, without a full stop. */
  readonly message: string;
  /** How to mend it, without a full stop. */
  readonly fix: string;
}

/** `file:line:col: message (how to mend)`, which terminals and editors turn into a link. */
export function problemLine(problem: Problem): string {
  const { file, line, column, message, fix } = problem;
  return `${file}:${line}:${column}: ${message} (${fix})`;
}

const SHOWN = 100;

/** One or more manifests are wrong; the message lists each mistake on a line of its own. */
export class ManifestError extends Error {
  /** The class, for logs. */
  override readonly name = "ManifestError";
  /** Stable, for programs. */
  readonly code = "invalid_manifest";
  /** In the order of the files, then of the lines. */
  readonly problems: readonly Problem[];
  /** At least one problem. */
  constructor(problems: readonly Problem[]) {
    const lines = problems.slice(0, SHOWN).map(problemLine);
    if (problems.length > SHOWN) lines.push(`and ${problems.length - SHOWN} more`);
    super(lines.join("\n"));
    this.problems = problems;
  }
}
