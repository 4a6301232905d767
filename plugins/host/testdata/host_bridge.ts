/** A real worker and what answers it, for the length of one test. */

import type { HostMessage } from "../blocking_host.ts";
import { newHostMemory } from "../host_memory.ts";
import type { HttpRequest } from "../http.ts";
import { soon } from "./host_soon.ts";
import type { Outcome, Step, Task } from "./host_worker.ts";

/** Bodies that fit through the memory of a {@linkcode Bridge}. */
export const MAX_BODY_BYTES = 2_000_000;

/** Runs one call at a time. */
export class Bridge implements Disposable {
  readonly shared = newHostMemory(MAX_BODY_BYTES);
  /** Does with what the worker asks what the test wants. */
  onMessage: (message: HostMessage) => void = () => {};
  readonly #worker = new Worker(new URL("./host_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: "none" },
  });
  #calls = 0;

  constructor() {
    this.#worker.postMessage(this.shared);
  }

  /** The number that the next call has. */
  get nextCall(): number {
    return this.#calls + 1;
  }

  run(steps: readonly Step[], limitMs = 10_000): Promise<Outcome> {
    const task: Task = { call: ++this.#calls, limitMs, steps };
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.#worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    this.#worker.onmessage = ({ data }: MessageEvent<HostMessage | Outcome>) =>
      "kind" in data ? this.onMessage(data) : resolve(data);
    this.#worker.postMessage(task);
    return soon(promise, "the end of a call");
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** A request without a body. */
export function get(url: string, headers: Record<string, string> = {}): HttpRequest {
  return { method: "GET", url, headers };
}
