/** Waiting for an envelope's end on behalf of an MCP client. */

import type { ServerContext } from "@modelcontextprotocol/server";
import { isFinal } from "../envelopes/record.ts";
import type { StoredEnvelope } from "../envelopes/view.ts";
import { follow, patiently } from "../follow.ts";
import type { Store, StoredUpdate } from "../store/store.ts";

/** Longest wait for an end, in milliseconds. */
const MAX_WAIT_MS = 3_600_000;
/** How much longer than its own time-out an envelope is waited for, in milliseconds. */
const LATE_MS = 15_000;
/** How often it is looked at when nothing rings, in milliseconds. */
const IDLE_MS = 60_000;

/** How to wait. */
export interface WaitOptions {
  readonly store: Store;
  readonly id: string;
  /** What the envelope is allowed, in seconds; 0: no limit of its own. */
  readonly timeoutSeconds: number;
  /** Aborts when the client has left or the gateway stops. */
  readonly signal: AbortSignal;
  /** Is given what happens on the way. */
  readonly onUpdate?: (update: StoredUpdate) => Promise<void>;
}

/** The envelope at its end; `undefined` when `signal` aborted or the time was over before. */
export async function waitForEnd(o: WaitOptions): Promise<StoredEnvelope | undefined> {
  const { store, id, onUpdate } = o;
  // A timer of our own: the one of AbortSignal.timeout would outlive the wait.
  const time = new AbortController();
  const limit = Math.min(o.timeoutSeconds * 1000 + LATE_MS, MAX_WAIT_MS);
  const timer = setTimeout(() => time.abort(), o.timeoutSeconds === 0 ? MAX_WAIT_MS : limit);
  const signal = AbortSignal.any([o.signal, time.signal]);
  try {
    for await (const page of follow(store, id, { after: 0, signal, idleMs: IDLE_MS })) {
      if (onUpdate) { for (const update of page) await onUpdate(update); }
    }
    const found = await patiently(() => store.get(id), signal);
    return found && isFinal(found.record.state) ? found : undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** Progress notifications of one request: only what rises, as MCP wants it. */
export class ProgressNotes {
  #sent = -1;

  constructor(
    private readonly ctx: ServerContext,
    private readonly token: string | number,
  ) {}

  /** @param percent 0 to 100 */
  async send(percent: number, message?: string): Promise<void> {
    if (percent <= this.#sent) return;
    this.#sent = percent;
    await this.ctx.mcpReq.notify({
      method: "notifications/progress",
      params: {
        progressToken: this.token,
        progress: percent,
        total: 100,
        ...message === undefined ? {} : { message },
      },
    });
  }

  /** Tells an update of the envelope, unless it is the end: that is in the answer. */
  async sendUpdate({ kind, final, data }: StoredUpdate): Promise<void> {
    if (kind !== "update" || final) return;
    const { progress_percent = 0, message } = JSON.parse(data);
    await this.send(progress_percent, message);
  }
}
