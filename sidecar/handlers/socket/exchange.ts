/** One version 2 call as its frames tell it: collects FRAMEs, hands PARTIALs on, ends with END or ERROR. */

import { frameFromHead, parseFailure } from "@asya/envelope";
import { checked, checkJson, MAX_FRAMES } from "../answers.ts";
import {
  type Frame,
  type HandlerAnswer,
  HandlerError,
  type HandlerMetric,
  type HandlerSink,
  InvalidAnswer,
} from "../handler.ts";
import { tooLarge } from "./stream.ts";
import { parseHead, TYPE, type WireFrame } from "./wire.ts";

/** Most metric values of one answer that are looked at. */
const MAX_METRICS = 1_000;

/** How a call comes out for its caller: an answer, or stopped from outside before there was one. */
export type Outcome = HandlerAnswer | "limit" | "cancel";

/** The state of one call on its connection. */
export class Exchange {
  readonly #outcome = Promise.withResolvers<Outcome>();
  readonly #frames: Frame[] = [];
  #bytes = 0;
  #started = false;
  /** Nobody waits for the answer any more. */
  #stopped = false;
  #over = false;
  #ended: PromiseWithResolvers<void> | undefined;

  constructor(
    readonly call: number,
    private readonly sink: HandlerSink,
    private readonly maxBytes: number,
  ) {}

  /** Rejects with what a handler throws. */
  get outcome(): Promise<Outcome> {
    return this.#outcome.promise;
  }

  /** Whether END or ERROR arrived, or the call failed. */
  get over(): boolean {
    return this.#over;
  }

  /** Resolves when the call is {@linkcode over}, which may be long after its outcome. */
  get ended(): Promise<void> {
    if (this.#over) return Promise.resolve();
    this.#ended ??= Promise.withResolvers();
    return this.#ended.promise;
  }

  /** The request is on its way: the runtime has begun with it. */
  started(): void {
    if (this.#started) return;
    this.#started = true;
    if (!this.#stopped) this.sink.started();
  }

  /** Decides the outcome from outside; what still arrives is not kept or handed on. */
  stop(outcome: "limit" | "cancel"): void {
    if (this.#over) return;
    this.#stopped = true;
    this.#frames.length = 0;
    this.#outcome.resolve(outcome);
  }

  /** The call has no answer: the connection ended, or what came is none. */
  fail(error: Error): void {
    this.#outcome.reject(error);
    this.#end();
  }

  /**
   * Takes a frame of this call.
   * @throws InvalidAnswer | HandlerError when the answer cannot be one any more
   */
  accept(frame: WireFrame): void {
    this.started();
    switch (frame.type) {
      case TYPE.FRAME:
        return this.#frame(frame);
      case TYPE.PARTIAL:
        return this.#partial(frame);
      case TYPE.END:
        return this.#finish(frame);
      case TYPE.ERROR:
        return this.fail(new HandlerError(checked(() => parseFailure(frame.head))));
    }
  }

  #frame(frame: WireFrame): void {
    if (this.#stopped) return;
    this.#bytes += frame.head.length + frame.body.length;
    if (this.#bytes > this.maxBytes) throw tooLarge("the answer", this.#bytes, this.maxBytes);
    if (this.#frames.length === MAX_FRAMES) {
      throw new HandlerError({
        code: "resource_limit",
        message: `the answer has more than ${MAX_FRAMES} frames`,
      });
    }
    const { head, body } = frame;
    this.#frames.push(checked(() => {
      checkJson(body);
      return frameFromHead(head, body);
    }));
  }

  #partial(frame: WireFrame): void {
    const { seq } = parseHead(frame.head);
    if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 0) {
      throw new InvalidAnswer("the runtime sent a partial result without a sequence number");
    }
    if (!this.#stopped) this.sink.partial(seq, frame.body);
  }

  #finish(frame: WireFrame): void {
    const { frames, metrics } = parseHead(frame.head);
    if (!this.#stopped && frames !== this.#frames.length) {
      throw new InvalidAnswer(
        `the runtime sent ${this.#frames.length} frames and says it sent ${JSON.stringify(frames)}`,
      );
    }
    const answer = { frames: this.#frames };
    const values = metrics === undefined ? [] : readMetrics(metrics);
    this.#outcome.resolve(values.length === 0 ? answer : { ...answer, metrics: values });
    this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#ended?.resolve();
  }
}

/** The entries of END's `metrics` that are metrics; a wrong one costs nobody an envelope. */
function readMetrics(metrics: unknown): HandlerMetric[] {
  return Array.isArray(metrics) ? metrics.slice(0, MAX_METRICS).filter(isMetric) : [];
}

function isMetric(entry: unknown): entry is HandlerMetric {
  if (typeof entry !== "object" || entry === null) return false;
  const { name, value, labels = {} } = entry as Record<string, unknown>;
  return typeof name === "string" && typeof value === "number" && Number.isFinite(value) &&
    typeof labels === "object" && labels !== null &&
    Object.values(labels).every((label) => typeof label === "string");
}
