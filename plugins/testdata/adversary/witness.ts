/** What goes on in the process while a hostile guest runs. */

import assert from "node:assert/strict";
import { loadPlugin } from "../../host/load.ts";
import type { Plugin } from "../../plugin.ts";
import { adversary, LIMITS } from "./cases.ts";
import { OPTIONS } from "../../host/testdata/with_plugin.ts";

/** How often the neighbour is called and the clock is looked at, in milliseconds. */
const EVERY_MS = 5;

/** For the neighbour: it must not be ended because the machine is busy. */
const NEIGHBOUR_MS = 5_000;

/** A plugin that has done nothing wrong, and the event loop of the thread that it shares. */
export class Witness implements AsyncDisposable {
  #calls = 0;

  private constructor(private readonly neighbour: Plugin) {}

  static async start(): Promise<Witness> {
    const neighbour = await loadPlugin({
      module: adversary("echo.wat"),
      functionName: "handle",
      ...OPTIONS,
      limits: { ...LIMITS, timeoutMs: NEIGHBOUR_MS },
    });
    return new Witness(neighbour);
  }

  /** One call of the neighbour, whose answer must be right. */
  async check(): Promise<void> {
    const input = new TextEncoder().encode(`neighbour ${this.#calls++}`);
    assert.deepEqual(await this.neighbour.call({ input, context: {} }), input);
  }

  /**
   * Calls the neighbour all the while, and once more afterwards.
   *
   * @returns the longest time for which the event loop stood still, in milliseconds
   */
  async during(run: () => Promise<void>): Promise<number> {
    let lagMs = 0;
    let last = performance.now();
    let checking: Promise<void> | undefined;
    let failure: unknown;
    const look = () => {
      const now = performance.now();
      lagMs = Math.max(lagMs, now - last - EVERY_MS);
      last = now;
      checking ??= this.check()
        .catch((error) => failure ??= error)
        .finally(() => checking = undefined);
    };
    const timer = setInterval(look, EVERY_MS);
    try {
      await run();
      look();
      await checking;
    } finally {
      clearInterval(timer);
      await checking;
    }
    if (failure) throw failure;
    return lagMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.neighbour.close();
  }
}
