/** PING and PONG: how a runtime is, and for how long it has not said so. */

import type { HandlerVitals } from "../handler.ts";
import { settles } from "../limit.ts";
import { nextCall } from "./wire.ts";

/** A runtime that is well answers within a few milliseconds; who asks holds up a scrape. */
const PATIENCE_MS = 500;

/** One PING on its way. */
interface Question {
  readonly call: number;
  readonly askedAt: number;
  readonly answer: PromiseWithResolvers<Readonly<Record<string, unknown>>>;
}

/** Asks over one connection, one question at a time. */
export class Pulse {
  #question: Question | undefined;

  /** @param ping writes a PING with this number */
  constructor(private readonly ping: (call: number) => void) {}

  /** Asks; of a runtime that has not answered the last question yet, only for how long. */
  async vitals(): Promise<HandlerVitals> {
    const question = this.#question ?? this.#ask();
    if (!await settles(question.answer.promise, PATIENCE_MS)) {
      return { silentMs: performance.now() - question.askedAt };
    }
    return { silentMs: 0, ...readVitals(await question.answer.promise) };
  }

  /** A PONG came. */
  accept(call: number, head: Readonly<Record<string, unknown>>): void {
    if (this.#question?.call !== call) return;
    this.#question.answer.resolve(head);
    this.#question = undefined;
  }

  #ask(): Question {
    const answer = Promise.withResolvers<Readonly<Record<string, unknown>>>();
    const question = { call: nextCall(), askedAt: performance.now(), answer };
    this.#question = question;
    this.ping(question.call);
    return question;
  }
}

/** The members of a PONG that PROTOCOL.md names; what is no number is as if left out. */
export function readVitals(
  head: Readonly<Record<string, unknown>>,
): Omit<HandlerVitals, "silentMs"> {
  const figure = (name: string) => {
    const value = head[name];
    return typeof value === "number" && value >= 0 ? value : undefined;
  };
  return {
    residentBytes: figure("rss"),
    threads: figure("threads"),
    calls: figure("calls"),
    oldestCallMs: figure("oldest_call_ms"),
    loopBlockedMs: figure("loop_blocked_ms"),
  };
}
