/** What keeps a folder from being deployed, in words for the person at the terminal. */

/** A folder cannot be put on a cluster, or does not come up there. */
export class FolderError extends Error {
  /** The class, for logs. */
  override readonly name = "FolderError";
  /** Stable, for programs. */
  readonly code = "not_deployed";
  /** The message says what and where; `next` what to try, a command where one does it. */
  constructor(message: string, readonly next?: string, options?: ErrorOptions) {
    super(message, options);
  }
}
