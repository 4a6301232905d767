/** Requests that wait for an envelope's end: not for long, and not too many. */

import { isFinal } from "./envelopes/record.ts";
import type { StoredEnvelope } from "./envelopes/view.ts";
import { follow, patiently } from "./follow.ts";
import { preferredWait } from "./http/prefer.ts";
import type { Store } from "./store/store.ts";

/** Requests that wait at a time; another one is answered at once. */
const MAX_WAITING = 1_000;
/** How often they look when nothing rings, in milliseconds. */
const IDLE_MS = 60_000;

/** Who waits. */
export class Waits {
  #waiting = 0;

  /** @param stopping aborts when the gateway stops: those who wait are answered */
  constructor(
    private readonly o: { readonly store: Store; readonly stopping: AbortSignal },
    private readonly max: number = MAX_WAITING,
  ) {}

  /**
   * The envelope at its end, where the client prefers to wait (RFC 7240) and that comes in time;
   * `undefined` otherwise.
   */
  async forEnd(id: string, request: Request): Promise<StoredEnvelope | undefined> {
    const seconds = preferredWait(request.headers.get("prefer") ?? undefined);
    if (seconds === undefined || this.#waiting >= this.max) return undefined;
    const time = new AbortController();
    const timer = setTimeout(() => time.abort(), seconds * 1000);
    this.#waiting++;
    try {
      return await this.#end(
        id,
        AbortSignal.any([this.o.stopping, request.signal, time.signal]),
      );
    } finally {
      this.#waiting--;
      clearTimeout(timer);
    }
  }

  async #end(id: string, signal: AbortSignal): Promise<StoredEnvelope | undefined> {
    const { store } = this.o;
    for await (const page of follow(store, id, { after: 0, signal, idleMs: IDLE_MS })) {
      if (page.at(-1)?.final) break;
    }
    if (signal.aborted) return undefined;
    const found = await patiently(() => store.get(id), signal);
    return found && isFinal(found.record.state) ? found : undefined;
  }
}
