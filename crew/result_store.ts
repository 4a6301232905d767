/** Where results and errors are kept: what every place of that kind promises. */

import type { Envelope } from "@asya/envelope";

/** A store of finished envelopes. */
export interface ResultStore {
  /**
   * Keeps a whole envelope, durably. False when the id was already kept: the older one stays.
   *
   * @throws where it cannot be kept now; it may be kept all the same, and a repeated call says so
   */
  keep(actor: string, envelope: Envelope, signal?: AbortSignal): Promise<boolean>;
  /** Lets go of connections. Safe to call twice. */
  close(): void;
}
