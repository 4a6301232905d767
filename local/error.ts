/** What can go wrong before or while `dev` runs, in words for the person at the terminal. */

/** Stable codes of {@linkcode LocalError}. */
export type LocalErrorCode =
  | "no_folder" // the folder does not exist or is none
  | "no_actors" // it holds no AsyncActor
  | "already_running" // another `dev` has this folder
  | "not_running" // no `dev` has this folder
  | "not_writable" // results and queue cannot be kept there
  | "port_in_use"
  | "no_python"
  | "unsafe_folder" // the socket folder belongs to somebody else
  | "wrong_tools" // the tools file cannot be read
  | "not_ready" // an actor does not come up
  | "wrong_plan"; // a manifest asks for something that this machine does not have

/** Local mode cannot start or go on; the message says what to do about it. */
export class LocalError extends Error {
  /** The class, for logs. */
  override readonly name = "LocalError";
  /** `code` is stable, for programs. */
  constructor(readonly code: LocalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
