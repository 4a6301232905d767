/** Why a sidecar is not ready: everything that is wrong now, each under a key of its own. */

/** The first of what is wrong is what `/health/ready` says. */
export class Troubles {
  readonly #messages = new Map<unknown, string>();

  /** Notes what is wrong, in one sentence. */
  set(key: unknown, message: string): void {
    this.#messages.set(key, message);
  }

  /** It is over. */
  clear(key: unknown): void {
    this.#messages.delete(key);
  }

  /** The oldest one that is not over. */
  get first(): string | undefined {
    for (const message of this.#messages.values()) return message;
    return undefined;
  }
}
