/**
 * The loop: takes deliveries, has the handler work on them, settles them. The stages overlap: while
 * one envelope is being settled, the handler works on the next.
 */

import { type Envelope, EnvelopeError, formatDuration, parseEnvelope } from "@asya/envelope";
import type { Logger } from "@asya/telemetry";
import { Backoff, type Delivery, type Queue, QueueMissing, TransportError } from "@asya/transport";
import {
  attemptOf,
  decideAnswer,
  decideBefore,
  decideCrash,
  decideFailure,
  decideInterrupted,
  decideMalformed,
  limitOf,
  type Moment,
  type Rules,
} from "./decide.ts";
import { decideEnd } from "./end_actor.ts";
import {
  type Handler,
  type HandlerAnswer,
  HandlerGone,
  HandlerTimeout,
} from "./handlers/handler.ts";
import { failureOf } from "./handler_failure.ts";
import type { Finisher } from "./finish.ts";
import type { Observer } from "./observe.ts";
import type { Job, Plan } from "./plan.ts";
import type { Prefetch } from "./prefetch.ts";
import { Suspects } from "./suspects.ts";
import type { Troubles } from "./troubles.ts";

/** From its third redelivery on a message is handled alone: it may be what ends the process. */
const ALONE_FROM_DELIVERY = 4;
/** What waits longer for its call is given back, but for what is always in hand. */
const LONGEST_WAIT_MS = 1_000;
/** The transport is all right again when it has not complained for so long. */
const WELL_AFTER_MS = 1_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** A job that the handler works on. */
interface Call {
  readonly job: Job & { readonly input: Envelope };
  readonly controller: AbortController;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  /** The handler really began. */
  started: boolean;
  /** Somebody asked for its end. */
  cancelled: boolean;
  /** The sidecar ended without waiting for it. */
  abandoned: boolean;
  /** When the gateway last heard of it, as `performance.now()`. */
  reportedAt: number;
}

/** What a pump is made of. */
export interface PumpOptions {
  readonly queue: Queue;
  readonly handler: Handler;
  readonly rules: Rules;
  /** Whether the actor's queue is to be made where it is missing. */
  readonly createQueue: boolean;
  /** How many calls may run at once. */
  readonly concurrency: () => number;
  /** How long the handler may take to become ready for the first time. */
  readonly readyWithinMs: number;
  readonly prefetch: Prefetch;
  readonly finisher: Finisher;
  readonly observer: Observer;
  readonly troubles: Troubles;
  readonly log: Logger;
  readonly now: () => number;
  readonly random: () => number;
  /** Aborted: take nothing more, release what has not started, finish the rest. */
  readonly stop: AbortSignal;
  /** Aborted: let go of everything. */
  readonly giveUp: AbortSignal;
}

/** Why no deliveries are taken for a while, and whether an envelope can be blamed for it. */
interface Pause {
  readonly alone: boolean;
}

/** The loop of one sidecar. */
export class Pump {
  readonly #jobs = new Set<Job>();
  readonly #waiting: (Job & { readonly input: Envelope })[] = [];
  /** Jobs that the current `receive` does not know: they came by an earlier one. */
  readonly #kept = new Set<Job>();
  readonly #calls = new Set<Call>();
  readonly #suspects = new Suspects();
  readonly #broken = Promise.withResolvers<never>();
  #pull = new AbortController();
  #pause: Pause | undefined;
  #pulling = false;
  #everReady = false;
  #releasing = 0;
  #changed: (() => void) | undefined;
  #look: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly o: PumpOptions) {
    this.#broken.promise.catch(() => undefined); // `run` may be over when something breaks
  }

  /** Handler calls running now. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** Deliveries in hand. */
  get unsettled(): number {
    return this.#jobs.size;
  }

  /** Whether deliveries are being taken. */
  get pulling(): boolean {
    return this.#pulling;
  }

  /** Runs until `stop` and everything is finished, or `giveUp`. */
  async run(): Promise<void> {
    const { stop, giveUp } = this.o;
    const pullNoMore = () => this.#pull.abort();
    stop.addEventListener("abort", pullNoMore);
    const gaveUp = new Promise<void>((resolve) =>
      giveUp.addEventListener("abort", () => resolve(), { once: true })
    );
    try {
      await Promise.race([this.#loop(), gaveUp, this.#broken.promise]);
      if (giveUp.aborted) await this.#letGo();
    } finally {
      stop.removeEventListener("abort", pullNoMore);
      this.#pull.abort();
      clearTimeout(this.#look);
    }
  }

  /** Ends the calls that work on these envelopes. */
  cancel(ids: readonly string[]): void {
    for (const call of this.#calls) {
      if (call.cancelled || !ids.includes(call.job.input.id)) continue;
      call.cancelled = true;
      call.controller.abort("cancelled");
    }
  }

  /** Envelopes whose call the gateway has not heard of for so long; counts as telling it now. */
  *quietSince(ms: number): Iterable<Envelope> {
    const now = performance.now();
    for (const call of this.#calls) {
      if (!call.started || now - call.reportedAt < ms) continue;
      call.reportedAt = now;
      yield call.job.input;
    }
  }

  async #loop(): Promise<void> {
    const { stop } = this.o;
    const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    let told: string | undefined;
    const created = this.#createQueue(); // others may send while the handler is still starting
    while (!stop.aborted) {
      if (!await this.#handlerReady()) break;
      await created;
      this.#pause = undefined;
      this.#pull = new AbortController();
      const error = await this.#take();
      if (error !== undefined) {
        this.o.troubles.set(this, error.message);
        if (told !== error.message) {
          this.o.log.warn("cannot take deliveries now; trying again until it works", { error });
        }
        told = error.message;
        if (error instanceof QueueMissing) await this.#createQueue();
        await backoff.wait(stop);
        if (!this.#pull.signal.aborted) continue;
      } else {
        backoff.reset();
        told = undefined;
      }
      await this.#releaseWaiting();
      // What cannot be settled now, maybe for long, holds up nobody else.
      await this.#until(() => this.#calls.size === 0 && this.#releasing === 0);
    }
    await this.#releaseWaiting();
    await this.#until(() => this.#jobs.size === 0);
  }

  /** Makes the actor's queue where that is ours to do; else it is waited for. */
  async #createQueue(): Promise<void> {
    const { queue, createQueue, rules: { actor }, log } = this.o;
    if (!createQueue) return;
    try {
      await queue.declare(actor);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      log.warn("the actor's queue cannot be created now", { error });
    }
  }

  /** Waits, the first time only so long; `false`: the sidecar is to stop. */
  async #handlerReady(): Promise<boolean> {
    const { handler, stop, readyWithinMs } = this.o;
    const late = new AbortController();
    const timer = this.#everReady ? undefined : setTimeout(() => late.abort(), readyWithinMs);
    try {
      await handler.ready(AbortSignal.any([stop, late.signal]));
      this.#everReady = true;
    } catch (error) {
      if (late.signal.aborted) {
        const why = handler.trouble === undefined ? "" : `: ${handler.trouble}`;
        const message = `the handler was not ready within ${formatDuration(readyWithinMs)}${why}`;
        throw new Error(`${message} (ASYA_RUNTIME_READY_TIMEOUT)`, { cause: error });
      }
      if (!stop.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
    return !stop.aborted;
  }

  /** Takes deliveries until told not to; returns what the transport complained about, if anything. */
  async #take(): Promise<TransportError | undefined> {
    const { queue, prefetch, stop, troubles } = this.o;
    const { signal } = this.#pull;
    if (stop.aborted) return undefined;
    this.#pulling = true;
    this.#kept.clear();
    for (const job of this.#jobs) this.#kept.add(job);
    const room = () => Math.max(1, prefetch.value - this.#kept.size);
    const well = setTimeout(() => troubles.clear(this), WELL_AFTER_MS);
    let since = performance.now();
    try {
      for await (const delivery of queue.receive({ prefetch: room, signal })) {
        troubles.clear(this);
        const receivedAt = performance.now();
        this.#accept(delivery, receivedAt, receivedAt - since);
        since = performance.now();
      }
      return undefined;
    } catch (error) {
      if (error instanceof TransportError) return error;
      throw error;
    } finally {
      clearTimeout(well);
      this.#pulling = false;
    }
  }

  #accept(delivery: Delivery, receivedAt: number, waitedMs: number): void {
    const { rules, observer, now, log } = this.o;
    let input: Envelope | undefined;
    let plan: Plan | undefined;
    try {
      input = parseEnvelope(delivery.body);
      plan = decideBefore(input, rules, now());
    } catch (error) {
      if (!(error instanceof EnvelopeError)) log.error("a body cannot be looked at", { error });
      plan = decideMalformed(delivery.body, asEnvelopeError(error), rules);
    }
    const job: Job = { delivery, receivedAt, input };
    this.#jobs.add(job);
    observer.received(job, waitedMs);
    if (plan !== undefined) return this.#finish(job, plan, now());
    this.#waiting.push(job as Job & { input: Envelope });
    this.#dispatch();
    this.#lookSoon();
  }

  /** Has somebody look when the oldest that waits has waited long, and then once a second. */
  #lookSoon(): void {
    const [oldest] = this.#waiting;
    if (oldest === undefined || this.#look !== undefined || this.#pull.signal.aborted) return;
    const left = oldest.receivedAt + LONGEST_WAIT_MS - performance.now();
    this.#look = setTimeout(() => {
      this.#look = undefined;
      this.#releaseHoard();
      this.#lookSoon();
    }, left > 0 ? left : LONGEST_WAIT_MS);
  }

  /**
   * When something has waited long, gives back what exceeds the lowest prefetch, the latest first:
   * other consumers may be idle. The rest stays, or it would come back to us again and again.
   */
  #releaseHoard(): void {
    const { prefetch } = this.o;
    const [oldest] = this.#waiting;
    if (oldest === undefined || performance.now() - oldest.receivedAt < LONGEST_WAIT_MS) return;
    prefetch.slow();
    const inHand = this.#jobs.size - this.#releasing;
    const tooMany = Math.min(inHand - prefetch.value, this.#waiting.length - 1);
    if (tooMany <= 0) return;
    for (const job of this.#waiting.splice(-tooMany)) this.#guard(this.#release(job));
  }

  /** Starts what can start. */
  #dispatch(): void {
    const limit = this.o.concurrency();
    for (let job = this.#waiting[0]; job !== undefined; job = this.#waiting[0]) {
      if (job.delivery.lost) { // it comes again, here or elsewhere
        this.#waiting.shift();
        this.o.observer.released("lost");
        this.#over(job);
        continue;
      }
      if (this.#pull.signal.aborted || this.#calls.size >= limit) return;
      if (this.#calls.size > 0 && (this.#runsAlone(job) || this.#aloneRuns())) return;
      this.#waiting.shift();
      this.#guard(this.#call(job));
    }
  }

  #runsAlone({ input, delivery }: Job): boolean {
    return this.#suspects.has(input!.id) || (delivery.deliveries ?? 1) >= ALONE_FROM_DELIVERY;
  }

  #aloneRuns(): boolean {
    for (const { job } of this.#calls) if (this.#runsAlone(job)) return true;
    return false;
  }

  async #call(job: Job & { readonly input: Envelope }): Promise<void> {
    const { handler, rules, observer, now, prefetch } = this.o;
    const { input } = job;
    const startedAt = now();
    const late = this.#tooLate(input, startedAt); // it may have waited long
    if (late !== undefined) return this.#finish(job, late, startedAt);
    const controller = new AbortController();
    const began = performance.now();
    const call: Call = {
      job,
      controller,
      startedAt,
      started: false,
      cancelled: false,
      abandoned: false,
      reportedAt: began,
    };
    this.#calls.add(call);
    observer.processing(input);
    let answer: HandlerAnswer | undefined;
    let error: unknown;
    try {
      const limitMs = limitOf(input, rules, startedAt);
      const attempt = attemptOf(input);
      answer = await handler.handle({
        envelope: input,
        attempt,
        limitMs,
        signal: controller.signal,
      }, {
        started: () => call.started = true,
        partial: (_seq, body) => observer.partial(input, body),
      });
    } catch (caught) {
      error = caught;
    }
    if (call.abandoned) return;
    const ms = performance.now() - began;
    if (answer !== undefined) prefetch.observe(ms);
    const moment = { now: now(), startedAt, random: this.o.random };
    let plan: Plan | undefined;
    try {
      plan = this.#judge(call, answer, error, moment);
    } catch (problem) {
      plan = this.#undecided(input, problem, moment);
      answer = undefined;
    }
    this.#calls.delete(call);
    this.#dispatch(); // the handler is free: let it work while this one is settled
    observer.called(input, ms, answer, plan);
    if (plan === undefined) this.#guard(this.#release(job));
    else this.#finish(job, plan, startedAt);
    this.#changed?.();
  }

  #tooLate(input: Envelope, now: number): Plan | undefined {
    try {
      return decideBefore(input, this.o.rules, now);
    } catch (problem) {
      return this.#undecided(input, problem, { now, startedAt: now, random: this.o.random });
    }
  }

  /** Deciding failed, which must not happen: it costs this envelope, not the sidecar. */
  #undecided(input: Envelope, error: unknown, moment: Moment): Plan {
    this.o.log.error("an outcome cannot be decided", { id: input.id, error });
    const message = `what became of the call cannot be decided: ${messageOf(error)}`;
    return decideFailure(input, { code: "processing_error", message }, this.o.rules, moment);
  }

  /** What follows from the outcome of a call; `undefined`: to be delivered again, uncounted. */
  #judge(
    call: Call,
    answer: HandlerAnswer | undefined,
    error: unknown,
    moment: Moment,
  ): Plan | undefined {
    const { rules } = this.o;
    const { input } = call.job;
    if (error instanceof HandlerGone) {
      const { alone } = this.#pauseFor(`the handler is away: ${error.message}`, !call.cancelled);
      if (!call.cancelled) {
        if (!call.started) return undefined;
        this.#suspects.add(input.id);
        return alone ? decideCrash(input, error.message, rules, moment) : undefined;
      }
    }
    this.#suspects.delete(input.id);
    if (error instanceof HandlerTimeout && !error.interrupted) {
      this.#pauseFor(error.message, false);
    }
    if (call.cancelled) {
      const failure = { code: "cancelled", message: "the envelope was cancelled at the gateway" };
      return decideFailure(input, failure, rules, moment);
    }
    if (answer === undefined) return decideFailure(input, failureOf(error), rules, moment);
    return rules.endActor
      ? decideEnd(input, answer, rules, moment.now)
      : decideAnswer(input, answer, rules, moment);
  }

  /** Takes no more deliveries until the handler is ready again. Who comes first says who is to blame. */
  #pauseFor(reason: string, blame: boolean): Pause {
    if (this.#pause !== undefined) return this.#pause;
    let started = 0;
    for (const call of this.#calls) if (call.started) started++;
    this.#pause = { alone: blame && started === 1 };
    this.o.log.warn("paused until the handler is ready", { reason, inFlight: started });
    this.#pull.abort();
    return this.#pause;
  }

  #finish(job: Job, plan: Plan, startedAt: number): void {
    const moment = { now: this.o.now(), startedAt, random: this.o.random };
    this.#guard(this.#carryOut(job, plan, moment));
  }

  async #carryOut(job: Job, plan: Plan, moment: Moment): Promise<void> {
    await this.o.finisher.finish(job, plan, moment);
    this.#over(job);
  }

  async #release(job: Job): Promise<void> {
    this.#releasing++;
    await this.o.finisher.release(job);
    this.#releasing--;
    this.#over(job);
  }

  /** Counts a call that nobody waits for any more as the attempt that it was. */
  async #interrupt({ job, startedAt }: Call): Promise<void> {
    const moment = { now: this.o.now(), startedAt, random: this.o.random };
    await this.#carryOut(job, decideInterrupted(job.input, this.o.rules, moment), moment);
  }

  async #releaseWaiting(): Promise<void> {
    await Promise.all(this.#waiting.splice(0).map((job) => this.#release(job)));
  }

  #over(job: Job): void {
    this.#jobs.delete(job);
    this.#kept.delete(job);
    this.#changed?.();
  }

  /** Waits until a condition holds that changes when a call ends or a job is over. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed = resolve);
  }

  /** The grace is over: what still runs is nobody's any more, and returns to the queue. */
  async #letGo(): Promise<void> {
    const released = [...this.#calls].map((call) => {
      call.abandoned = true;
      call.controller.abort("the sidecar is stopping");
      return call.started ? this.#interrupt(call) : this.#release(call.job);
    });
    this.#calls.clear();
    await Promise.all([...released, this.#releaseWaiting()]);
  }

  /** What must not happen ends the sidecar rather than an envelope. */
  #guard(work: Promise<void>): void {
    work.catch((error) => this.#broken.reject(error));
  }
}

function asEnvelopeError(error: unknown): EnvelopeError {
  if (error instanceof EnvelopeError) return error;
  const message = `the body cannot be looked at: ${messageOf(error)}`;
  return new EnvelopeError("msg_parsing_error", message, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
