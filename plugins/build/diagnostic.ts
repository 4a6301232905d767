/** What a compiler finds wrong with a source. */

/** One finding. */
export interface Diagnostic {
  /** What is wrong. */
  readonly message: string;
  /** Relative to the folder of the entry; absent when it concerns no file. */
  readonly file?: string | undefined;
  /** Counted from 1. */
  readonly line?: number | undefined;
  /** Counted from 1. */
  readonly column?: number | undefined;
}

function describe({ file, line, column, message }: Diagnostic): string {
  return file === undefined ? message : `${file}:${line ?? 1}:${column ?? 1}: ${message}`;
}

/** The source cannot be compiled; the message has one line `file:line:column: text` for each finding. */
export class SourceCodeError extends Error {
  /** Always `SourceCodeError`. */
  override readonly name = "SourceCodeError";
  /** Always `compile_error`. */
  readonly code = "compile_error";
  /** Makes one of what the compiler found, at least one. */
  constructor(readonly diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(describe).join("\n"));
  }
}
