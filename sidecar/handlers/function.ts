/** A TypeScript function as a handler: the end actors of the crew, and tests. */

import { Alarm } from "./alarm.ts";
import {
  type Handler,
  type HandlerAnswer,
  type HandlerCall,
  HandlerError,
  HandlerGone,
  type HandlerSink,
  HandlerTimeout,
  InvalidAnswer,
} from "./handler.ts";
import { cancelled, limited, unlessAborted } from "./limit.ts";

/**
 * What runs for each call. The call's `signal` also aborts at its limit; what the function still
 * does after that is thrown away.
 */
export type HandlerFunction = (call: HandlerCall, sink: HandlerSink) => Promise<HandlerAnswer>;

const OWN = [HandlerError, HandlerGone, HandlerTimeout, InvalidAnswer];

/**
 * Makes a handler of a function; `concurrency` calls may run at once. An error that is none of a
 * handler's own becomes a `processing_error` with its class and stack.
 *
 * @example
 * ```ts
 * import { functionHandler } from "@asya/sidecar";
 * const echo = functionHandler(4, (call) =>
 *   Promise.resolve({ frames: [{ payload: call.envelope.payload }] }));
 * await echo.ready(new AbortController().signal);
 * if (echo.concurrency !== 4) throw new Error("wrong concurrency");
 * await echo.close();
 * ```
 */
export function functionHandler(concurrency: number, run: HandlerFunction): Handler {
  const closing = new AbortController();
  const alarm = new Alarm();
  return {
    concurrency,
    ready(signal) {
      return unlessAborted(() => Promise.resolve(), AbortSignal.any([signal, closing.signal]));
    },
    async handle(call, sink) {
      closing.signal.throwIfAborted();
      if (call.signal.aborted) throw cancelled(call.signal);
      let ending: AbortController | undefined;
      let signal: AbortSignal | undefined;
      const { envelope, attempt, limitMs } = call;
      const answer = own(run, {
        envelope,
        attempt,
        limitMs,
        get signal() { // most functions never ask for it, and it costs more than their call
          ending ??= new AbortController();
          return signal ??= AbortSignal.any([call.signal, closing.signal, ending.signal]);
        },
      }, sink);
      try {
        const first = await limited(answer, call, alarm);
        if (typeof first === "object") return first.value;
        if (first === "cancel") throw cancelled(call.signal);
        throw new HandlerTimeout(`the handler took longer than ${limitMs} ms`, true);
      } finally {
        ending?.abort("the call is over");
      }
    },
    close() {
      closing.abort(new HandlerGone("the handler was closed"));
      alarm.close();
      return Promise.resolve();
    },
  };
}

async function own(
  run: HandlerFunction,
  call: HandlerCall,
  sink: HandlerSink,
): Promise<HandlerAnswer> {
  sink.started();
  try {
    return await run(call, sink);
  } catch (cause) {
    if (OWN.some((type) => cause instanceof type)) throw cause;
    const error = cause instanceof Error ? cause : new Error(String(cause), { cause });
    const traceback = error.stack === undefined ? {} : { traceback: error.stack };
    const failure = { code: "processing_error", message: error.message, type: error.name };
    throw new HandlerError({ ...failure, ...traceback }, { cause });
  }
}
