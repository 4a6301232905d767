/** Where a module comes from: what every source gives, and how it fails. */

/** One version of a module. */
export interface ModuleVersion {
  /** The module, never compressed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of `bytes`, in hex. */
  readonly digest: string;
  /** For logs: a path, a URL without credentials and query, or `registry/repo@sha256:...`. */
  readonly from: string;
}

/** A place that a module is read from. One reader at a time. */
export interface ModuleSource {
  /** Whether it can change at all: not when a digest pins it. */
  readonly mutable: boolean;
  /**
   * The module as it is now.
   *
   * @throws SourceError; the signal's reason
   */
  read(signal: AbortSignal): Promise<ModuleVersion>;
  /**
   * Waits until it may have changed since the last `read`: true, never sooner than one interval
   * after the call, also when it cannot be looked at (then `read` says why). False when `signal`
   * aborted; it does not reject.
   */
  changed(signal: AbortSignal): Promise<boolean>;
}

/** Why a module could not be read. */
export type SourceErrorCode =
  | "bad_reference" // what was asked for cannot be a module's place, whatever the place holds
  | "not_found"
  | "unreachable" // no answer, or none that gives the module: away, too slow, broken
  | "unauthorized" // no credentials, or wrong ones
  | "too_large"
  | "digest_mismatch" // not the bytes that were asked for
  | "not_wasm";

/** A module could not be read. Its message holds no credentials. */
export class SourceError extends Error {
  /** Always `SourceError`. */
  override readonly name = "SourceError";
  /**
   * Makes one.
   *
   * @param code what went wrong, in one stable word
   * @param message which source, what is wrong with it, and how to mend it
   */
  constructor(readonly code: SourceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
