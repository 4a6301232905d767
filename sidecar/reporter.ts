/**
 * Sends reports to the gateway beside the work, never in its way: queued, in batches, in a bounded
 * buffer, and dropped with a count while the gateway is away.
 */

import type { Logger } from "@asya/telemetry";
import { Backoff, pause } from "./backoff.ts";
import { type Gateway, GatewayAway } from "./gateway.ts";
import { batchBody, type Report, singlePost, type TimedReport } from "./report.ts";

/** A report waits this long for others to share its post, in milliseconds. */
const LINGER_MS = 20;
const BATCH = 500;
const BATCH_CHARS = 512 * 1024;
const BUFFER = 10_000;
const BUFFER_CHARS = 16 * 1024 * 1024;
/** How often a gateway that knew no `/reports` is asked again. */
const OLD_GATEWAY_MS = 300_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** How long the last reports may take when the sidecar ends. */
const FLUSH_MS = 1_000;

/** What a reporter needs. */
export interface ReporterOptions {
  readonly gateway: Gateway;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** So many reports were given up. */
  readonly onDropped: (count: number) => void;
  /** The gateway wants these envelopes to stop. */
  readonly onCancelled: (ids: readonly string[]) => void;
}

/** The stream of reports of one sidecar. */
export class Reporter {
  readonly #closing = new AbortController();
  #buffer: TimedReport[] = [];
  #chars = 0;
  #seq = 0;
  #oldUntil = -Infinity;
  #running: Promise<void> | undefined;
  #told: string | undefined;
  /** Ends the lingering of the batch that waits. */
  #hurry = new AbortController();
  /** When the last post began, as `performance.now()`. */
  #postedAt = -Infinity;

  constructor(private readonly options: ReporterOptions) {}

  /** Queues a report. Never blocks, never fails. */
  report(report: Report): void {
    if (this.#closing.signal.aborted) return this.options.onDropped(1);
    this.#buffer.push({ ...report, at: this.options.now() });
    this.#chars += report.members.length;
    if (this.#buffer.length > BUFFER || this.#chars > BUFFER_CHARS) this.#drop();
    this.#start();
  }

  /**
   * Sends what it has without waiting for more to come; not when it has just sent something, so
   * that a busy sidecar still sends batches. Never blocks, never fails.
   */
  flush(): void {
    if (performance.now() - this.#postedAt >= LINGER_MS) this.#hurry.abort();
  }

  /** Sends what it has, for a second at most, and takes no more. */
  async close(): Promise<void> {
    if (this.#running !== undefined) {
      const flushed = new AbortController();
      const late = pause(FLUSH_MS, flushed.signal);
      await Promise.race([this.#running, late]);
      flushed.abort();
    }
    this.#closing.abort();
    await this.#running;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#buffer.length > 0 && !this.#closing.signal.aborted) this.#start();
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    await this.#linger();
    while (this.#buffer.length > 0 && !signal.aborted) {
      const batch = this.#batch();
      try {
        await this.#send(batch);
        this.#told = undefined;
        this.#take(batch);
        backoff.reset();
      } catch (error) {
        if (!(error instanceof GatewayAway)) throw error;
        this.#tell(error.message);
        if (!await backoff.wait(signal)) break;
      }
    }
    if (this.#buffer.length > 0) this.options.onDropped(this.#buffer.splice(0).length);
    this.#chars = 0;
  }

  async #linger(): Promise<void> {
    const hurry = this.#hurry = new AbortController();
    const onClosing = () => hurry.abort();
    const { signal } = this.#closing;
    signal.addEventListener("abort", onClosing);
    await pause(LINGER_MS, hurry.signal);
    signal.removeEventListener("abort", onClosing);
  }

  #batch(): TimedReport[] {
    let chars = 0;
    const more = (report: Report, index: number) =>
      index > 0 && (index >= BATCH || (chars += report.members.length) > BATCH_CHARS);
    const end = this.#buffer.findIndex(more);
    return this.#buffer.slice(0, end < 0 ? this.#buffer.length : end);
  }

  /** Takes a batch out; some of it may have been dropped meanwhile. */
  #take(batch: readonly TimedReport[]): void {
    const last = this.#buffer.indexOf(batch.at(-1)!);
    for (const report of this.#buffer.splice(0, last + 1)) this.#chars -= report.members.length;
  }

  /** @throws GatewayAway when it is worth trying again */
  async #send(batch: readonly TimedReport[]): Promise<void> {
    const { gateway, now } = this.options;
    this.#postedAt = performance.now();
    if (now() < this.#oldUntil) return await this.#sendSingly(batch);
    const body = batchBody(batch, () => this.#nextSeq());
    const { status, text } = await gateway.post("/reports", body, this.#closing.signal);
    if (status === 404) {
      this.#oldUntil = now() + OLD_GATEWAY_MS;
      return await this.#sendSingly(batch);
    }
    if (status >= 500 || status === 429) throw new GatewayAway(`the gateway answered ${status}`);
    if (status >= 200 && status < 300) return this.#read(text);
    this.#tell(`the gateway refuses reports: ${status}`);
    this.options.onDropped(batch.length);
  }

  /** For a gateway of 0.1.x, which answers 500 for an envelope that it does not know. */
  async #sendSingly(batch: readonly TimedReport[]): Promise<void> {
    for (const report of batch) {
      const post = singlePost(report);
      const answer = post &&
        await this.options.gateway.post(post.path, post.body, this.#closing.signal);
      if (answer === undefined || answer.status >= 400) this.options.onDropped(1);
      this.#take([report]); // so that a gateway that goes away now does not see it twice
    }
  }

  /** Numbers rise over restarts and from actor to actor, as far as clocks do. */
  #nextSeq(): number {
    return this.#seq = Math.max(this.#seq + 1, this.options.now() * 1000);
  }

  #read(text: string): void {
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch (error) {
      return this.options.log.debug("the gateway's answer to a report is no JSON", { error });
    }
    if (typeof answer !== "object" || answer === null || !("cancelled" in answer)) return;
    const ids: unknown = answer.cancelled;
    if (!Array.isArray(ids)) return;
    const cancelled = ids.filter((id): id is string => typeof id === "string");
    if (cancelled.length > 0) this.options.onCancelled(cancelled);
  }

  /** The oldest go first: what happened since says more. */
  #drop(): void {
    let count = 0;
    while (
      this.#buffer.length - count > BUFFER ||
      this.#chars > BUFFER_CHARS && count < this.#buffer.length
    ) this.#chars -= this.#buffer[count++]!.members.length;
    this.#buffer.splice(0, count);
    this.options.onDropped(count);
  }

  /** Once, until it works again. */
  #tell(message: string): void {
    if (this.#told !== message) {
      this.options.log.warn("reports are not delivered", { reason: message });
    }
    this.#told = message;
  }
}
