/**
 * Sends reports to the gateway beside the work, never in its way: in batches, from a bounded
 * buffer, and dropped with a count while the gateway is away. Of one envelope at most one progress
 * report goes out in a while: what waits is replaced by what came later.
 */

import type { Logger } from "@asya/telemetry";
import { Backoff, pause } from "@asya/transport";
import { type Gateway, GatewayAway } from "./gateway.ts";
import { batchBody, charsOf, type Report, singlePost, type TimedReport } from "./report.ts";

/** A report waits this long for others to share its post, in milliseconds. */
const LINGER_MS = 40;
/** Progress of one envelope goes out this far apart, in milliseconds. */
const APART_MS = 250;
const BATCH = 500;
const BATCH_CHARS = 512 * 1024;
const BUFFER = 10_000;
const BUFFER_CHARS = 16 * 1024 * 1024;
/** How often a gateway that knew no `/reports` is asked again. */
const OLD_GATEWAY_MS = 300_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
/** How long the last reports may take when the sidecar ends. */
const FLUSH_MS = 1_000;
/** How long the end of a call waits for its partial results to be told. */
const PARTIALS_MS = 250;

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

/** Progress of one envelope at one place of its route is one entry; anything else is its own. */
type Key = string | number;

interface Entry extends TimedReport {
  readonly key: Key;
  readonly chars: number;
}

/** The stream of reports of one sidecar. */
export class Reporter {
  readonly #closing = new AbortController();
  /** In the order in which they go out. */
  #queue = new Map<Key, Entry>();
  #chars = 0;
  #keys = 0;
  /** When progress of an envelope last went out, as `performance.now()`; the oldest first. */
  readonly #toldAt = new Map<string, number>();
  /** Partial results on their way, by envelope, and who waits for them. */
  readonly #untold = new Map<string, { count: number; readonly all: PromiseWithResolvers<void> }>();
  /** The gateway took too long for partial results, and has taken nothing since. */
  #slow = false;
  #seq = 0;
  #oldUntil = -Infinity;
  #running: Promise<void> | undefined;
  #complaint: string | undefined;
  /** Ends the lingering of the batch that waits. */
  #hurry = new AbortController();
  /** Somebody waits for the next batch. */
  #urgent = false;
  /** When the last post began, as `performance.now()`. */
  #postedAt = -Infinity;
  #ending = false;

  constructor(private readonly options: ReporterOptions) {}

  /** Queues a report. Never blocks, never fails. */
  report(report: Report): void {
    if (this.#closing.signal.aborted) return this.options.onDropped(1);
    const key = report.kind === "progress" ? `${report.current} ${report.id}` : this.#keys++;
    if (report.kind === "partial") this.#expect(report.id);
    this.#remove(key);
    this.#add({ key, report, at: this.options.now(), chars: charsOf(report) });
    this.#drop();
    this.#start();
  }

  /**
   * Sends what it has without waiting for more to come; not when it has just sent something, so
   * that a busy sidecar still sends batches. Never blocks, never fails.
   */
  flush(): void {
    if (performance.now() - this.#postedAt >= LINGER_MS) this.#hurry.abort();
  }

  /**
   * Resolves when the gateway has the envelope's partial results; `undefined`: it has, or is away.
   * It takes a moment at most, and where that was too short nothing more until the gateway is back.
   */
  told(id: string): Promise<void> | undefined {
    const untold = this.#untold.get(id);
    if (untold === undefined || this.#slow || this.#complaint !== undefined) return undefined;
    this.#urgent = true;
    this.#hurry.abort();
    return this.#within(untold.all.promise);
  }

  async #within(all: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#slow = true;
      late.resolve();
    }, PARTIALS_MS);
    await Promise.race([all, late.promise]);
    clearTimeout(timer);
  }

  #expect(id: string): void {
    const untold = this.#untold.get(id) ?? { count: 0, all: Promise.withResolvers<void>() };
    untold.count++;
    this.#untold.set(id, untold);
  }

  /** The gateway has these, or never will. */
  #over(entries: Iterable<Entry>): void {
    for (const { report: { kind, id } } of entries) {
      const untold = kind === "partial" ? this.#untold.get(id) : undefined;
      if (untold === undefined || --untold.count > 0) continue;
      this.#untold.delete(id);
      untold.all.resolve();
    }
  }

  /** Sends what it has, for a second at most, and takes no more. */
  async close(): Promise<void> {
    this.#ending = true;
    this.#hurry.abort();
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
      if (this.#queue.size > 0 && !this.#closing.signal.aborted) this.#start();
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    let backlog = false;
    while (this.#queue.size > 0 && !signal.aborted) {
      if (!backlog) await this.#linger();
      const batch = this.#take();
      backlog = batch.length === BATCH;
      if (batch.length === 0) continue; // all of it is too soon after the last
      try {
        await this.#send(batch);
        this.#over(batch);
        this.#complaint = undefined;
        this.#slow = false;
        backoff.reset();
      } catch (error) {
        this.#putBack(batch);
        if (!(error instanceof GatewayAway)) throw error;
        this.#complain(error.message);
        if (!await backoff.wait(signal)) break;
      }
    }
    if (this.#queue.size > 0) this.options.onDropped(this.#queue.size);
    this.#over(this.#queue.values());
    this.#queue.clear();
    this.#chars = 0;
  }

  async #linger(): Promise<void> {
    this.#hurry = new AbortController();
    if (!this.#ending && !this.#urgent) await pause(LINGER_MS, this.#hurry.signal);
    this.#urgent = false;
  }

  /** Takes the next batch out: what may go out now, in its order. */
  #take(): Entry[] {
    const now = performance.now();
    for (const [id, at] of this.#toldAt) {
      if (now - at < APART_MS) break;
      this.#toldAt.delete(id);
    }
    const batch: Entry[] = [];
    let chars = 0;
    for (const entry of this.#queue.values()) {
      const { kind, id } = entry.report;
      if (kind === "progress") {
        if (this.#toldAt.has(id) && !this.#ending) continue;
        this.#toldAt.delete(id);
        this.#toldAt.set(id, now);
      }
      batch.push(entry);
      chars += entry.chars;
      if (batch.length === BATCH || chars > BATCH_CHARS) break;
    }
    for (const { key } of batch) this.#remove(key);
    return batch;
  }

  /** The batch was not delivered: it is first again, without what has been replaced meanwhile. */
  #putBack(batch: readonly Entry[]): void {
    const since = this.#queue;
    this.#queue = new Map();
    this.#chars = 0;
    for (const entry of batch) if (!since.has(entry.key)) this.#add(entry);
    for (const entry of since.values()) this.#add(entry);
    this.#drop();
  }

  #add(entry: Entry): void {
    this.#queue.set(entry.key, entry);
    this.#chars += entry.chars;
  }

  #remove(key: Key): void {
    const entry = this.#queue.get(key);
    if (entry === undefined) return;
    this.#queue.delete(key);
    this.#chars -= entry.chars;
  }

  /** Where it is too much, the oldest go, a batch of them: what happened since says more. */
  #drop(): void {
    if (this.#queue.size <= BUFFER && this.#chars <= BUFFER_CHARS) return;
    let count = 0;
    for (const [key, entry] of this.#queue) {
      if (this.#queue.size <= BUFFER - BATCH && this.#chars <= BUFFER_CHARS - BATCH_CHARS) break;
      this.#remove(key);
      this.#over([entry]);
      count++;
    }
    this.options.onDropped(count);
  }

  /** Removes from the batch what the gateway has. @throws GatewayAway when it is worth trying again */
  async #send(batch: Entry[]): Promise<void> {
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
    this.#complain(`the gateway refuses reports: ${status}`);
    this.options.onDropped(batch.length);
  }

  /** For a gateway of 0.1.x, which answers 500 for an envelope that it does not know. */
  async #sendSingly(batch: Entry[]): Promise<void> {
    for (let entry = batch[0]; entry !== undefined; entry = batch[0]) {
      const post = singlePost(entry.report);
      const answer = post &&
        await this.options.gateway.post(post.path, post.body, this.#closing.signal);
      if (answer === undefined || answer.status >= 400) this.options.onDropped(1);
      this.#over(batch.splice(0, 1)); // a gateway that goes away now does not see it twice
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

  /** Once, until it works again. */
  #complain(message: string): void {
    if (this.#complaint !== message) {
      this.options.log.warn("reports are not delivered", { reason: message });
    }
    this.#complaint = message;
  }
}
