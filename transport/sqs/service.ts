/** Calls of the service: with a time limit, tried again a little, and known to work or not. */

import type { SQS } from "@aws-sdk/client-sqs";
import type { Logger } from "@asya/telemetry";
import { pause } from "../backoff.ts";
import { TransportUnavailable } from "../queue.ts";
import { adviceFor, isThrottled, isUnreachable, type Refusal, refusalOf } from "./errors.ts";

/** What the client's calls take beside their input. */
interface CallOptions {
  readonly requestTimeout: number;
  readonly abortSignal: AbortSignal;
}

/** How a call is made. */
interface CallRules {
  /** How often it is tried while the service cannot be reached. Default 3. */
  readonly attempts?: number;
  /** Longest wait for one answer, in ms. Default 10 s. */
  readonly timeoutMs?: number;
  /** Ends the call early; default: the end of the transport. */
  readonly signal?: AbortSignal;
}

const ATTEMPTS = 3;
const TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 50;

/** A call that failed for good. */
export class CallFailed extends Error {
  /** The class's name. */
  override readonly name = "CallFailed";
  constructor(readonly refusal: Refusal) {
    super(refusal.message, { cause: refusal.cause });
  }
}

/** The service, as one process sees it. */
export class Service {
  readonly #sqs: SQS;
  readonly #log: Logger;
  readonly #end = new AbortController();
  #trouble: string | undefined;

  /** Takes charge of `sqs` and destroys it in the end. */
  constructor(sqs: SQS, log: Logger) {
    this.#sqs = sqs;
    this.#log = log;
  }

  /** Why it cannot be reached, as far as the last call knows. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Aborted when the transport is closed. */
  get closed(): AbortSignal {
    return this.#end.signal;
  }

  /** @throws CallFailed, TransportUnavailable when the transport is closed */
  async call<T>(
    run: (sqs: SQS, options: CallOptions) => Promise<T>,
    { attempts = ATTEMPTS, timeoutMs = TIMEOUT_MS, signal = this.closed }: CallRules = {},
  ): Promise<T> {
    const options = { requestTimeout: timeoutMs, abortSignal: signal };
    for (let attempt = 1;; attempt++) {
      if (this.closed.aborted) throw new TransportUnavailable("the transport is closed");
      try {
        const answer = await run(this.#sqs, options);
        this.#reached();
        return answer;
      } catch (error) {
        if (signal.aborted) throw new TransportUnavailable("the call was ended", { cause: error });
        const refusal = refusalOf(error);
        const away = isUnreachable(refusal);
        if (!away) this.#reached();
        if (attempt >= attempts || !away && !isThrottled(refusal)) {
          if (away) this.#unreachable(refusal);
          throw new CallFailed(refusal);
        }
        // spread out, so that the processes of a system do not come back all at once
        const ms = FIRST_PAUSE_MS * 4 ** (attempt - 1) * (0.5 + Math.random());
        await pause(ms, signal);
      }
    }
  }

  /** Ends what is under way and lets go of the connections. */
  close(): void {
    this.#end.abort();
    this.#sqs.destroy();
  }

  #reached(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#log.info("SQS can be reached again");
  }

  #unreachable(refusal: Refusal): void {
    if (this.closed.aborted) return;
    const told = this.#trouble !== undefined;
    const { code, message } = refusal;
    this.#trouble = `SQS cannot be reached: ${message} (${code})${adviceFor(refusal)}`;
    if (!told) this.#log.warn("SQS cannot be reached; will try again", { trouble: this.#trouble });
  }
}
