/** A worker whose calls are lists of host calls. */

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

import type { PluginMetric } from "../../plugin.ts";
import { BlockingHost } from "../blocking_host.ts";
import type { HttpRequest } from "../http.ts";
import { plainError } from "../protocol.ts";
import { withTimeLimit } from "../time_limit.ts";

/** One thing that a call does. */
export type Step =
  | { readonly http: HttpRequest }
  | { readonly get: string }
  | { readonly set: string; readonly value?: Uint8Array }
  | { readonly partial: Uint8Array }
  | { readonly metric: string; readonly value: number }
  | { readonly spin: true };

/** One call. */
export interface Task {
  readonly call: number;
  readonly limitMs: number;
  readonly steps: readonly Step[];
}

/** How a call ended: what each step returned, up to the one that failed. */
export interface Outcome {
  readonly call: number;
  readonly returned: readonly unknown[];
  readonly error?: { readonly code: string; readonly message: string; readonly type?: string };
  readonly metrics: readonly PluginMetric[];
}

let host: BlockingHost;

function perform(step: Step): unknown {
  if ("http" in step) return host.http(step.http);
  if ("get" in step) return host.getState(step.get);
  if ("set" in step) return host.setState(step.set, step.value);
  if ("partial" in step) return host.partial(step.partial);
  if ("metric" in step) return host.metric(step.metric, step.value, {});
  for (;;);
}

function run({ call, limitMs, steps }: Task): Outcome {
  const returned: unknown[] = [];
  host.begin(call);
  try {
    withTimeLimit(limitMs, () => {
      for (const step of steps) returned.push(perform(step));
    });
    return { call, returned, metrics: host.takeMetrics() };
  } catch (error) {
    const timedOut = error instanceof Error && error.name === "TimeLimitExceeded";
    const plain = timedOut ? { code: "timeout", message: error.message } : plainError(error);
    const { code, message, type } = plain as { code: string; message: string; type?: string };
    const failure = type === undefined ? { code, message } : { code, message, type };
    return { call, returned, error: failure, metrics: host.takeMetrics() };
  }
}

self.onmessage = ({ data }: MessageEvent<SharedArrayBuffer | Task>) => {
  if (data instanceof SharedArrayBuffer) {
    host = new BlockingHost(data, (message, transfer) => self.postMessage(message, transfer));
  } else {
    self.postMessage(run(data));
  }
};
