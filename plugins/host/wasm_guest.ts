/**
 * A guest that is a WebAssembly module, called through the guest ABI of Extism: everything that it
 * can reach is what {@linkcode Environment} and {@linkcode wasiFunctions} give it.
 */

import { PluginError } from "../plugin.ts";
import { CallState, Environment } from "./environment.ts";
import type { Guest, GuestCall, GuestCode, GuestOptions } from "./guest.ts";
import { guestFailure } from "./guest_failure.ts";
import { Kernel } from "./kernel/kernel.ts";
import { withTimeLimit } from "./time_limit.ts";
import { GuestExit, WASI_NAMESPACE, wasiFunctions } from "./wasi.ts";

/** A guest is given up after a call that leaves more than this part of its memory in use. */
const WORN_OUT = 0.75;

/** How to make a guest of a module. */
export interface WasmGuestOptions extends GuestOptions {
  readonly code: Extract<GuestCode, { kind: "wasm" }>;
}

/** An instance of a module. */
export class WasmGuest implements Guest {
  readonly #kernel: Kernel;
  readonly #environment: Environment;
  readonly #run: () => unknown;
  #memory: WebAssembly.Memory | undefined;
  #usable = false;

  /**
   * Instantiates a module and runs its start-up code, under the time limit.
   *
   * @throws PluginError
   */
  constructor(private readonly options: WasmGuestOptions) {
    const { code, config, limits, functionName } = options;
    this.#kernel = new Kernel(
      code.kernel,
      limits.kernelBytes,
      (error) => this.#environment.refuse(error),
    );
    this.#environment = new Environment(this.#kernel, config, limits);
    try {
      this.#kernel.begin(new Uint8Array());
      const instance = withTimeLimit(limits.startMs, () => this.#instantiate());
      this.#run = instance.exports[functionName] as () => unknown;
      if (this.#run.length > 0) {
        const message = `${functionName}() takes parameters; a handler has none`;
        throw new PluginError("invalid_module", message);
      }
      this.#usable = true;
    } catch (error) {
      throw guestFailure(error, this.#use());
    }
  }

  get usable(): boolean {
    return this.#usable;
  }

  get wornOut(): boolean {
    const { bytes, limit } = this.#use();
    return bytes > limit * WORN_OUT;
  }

  call(call: GuestCall): Uint8Array<ArrayBuffer> {
    const state = this.#environment.state = new CallState(call);
    let status: unknown;
    this.#usable = false; // until it has returned
    try {
      this.#kernel.begin(call.input);
      status = withTimeLimit(call.limitMs, this.#run);
      this.#usable = state.refused === undefined;
    } catch (error) {
      // A guest that stops itself after it reported an error, reported the error.
      if (!state.error || error instanceof PluginError) throw guestFailure(error, this.#use());
    }
    if (state.refused) throw guestFailure(state.refused, this.#use());
    if (state.error) throw reportedError(state.error.text);
    if (Number(status ?? 0) !== 0) {
      throw new PluginError("guest_error", `${this.options.functionName}() returned ${status}`);
    }
    if (state.output === undefined) return new Uint8Array();
    return this.#kernel.copy(state.output.address, state.output.length);
  }

  dispose(): void {}

  #use(): { bytes: number; limit: number } {
    const bytes = this.#memory?.buffer.byteLength ?? 0;
    return { bytes, limit: this.options.limits.memoryBytes };
  }

  #instantiate(): WebAssembly.Instance {
    const instance = new WebAssembly.Instance(this.options.code.module, {
      ...this.#environment.functions(),
      [WASI_NAMESPACE]: this.#wasi(),
    });
    const { memory, hs_init, _initialize, _start } = instance.exports;
    if (memory instanceof WebAssembly.Memory) this.#memory = memory;
    const start = hs_init ?? _initialize ?? _start;
    if (typeof start === "function") allowNormalExit(start);
    return instance;
  }

  #wasi() {
    return wasiFunctions({
      memory: () => {
        if (!this.#memory) throw new PluginError("trap", "the guest exports no memory yet");
        return this.#memory.buffer as ArrayBuffer;
      },
      write: (descriptor, bytes) =>
        this.#environment.state.call.log.add(descriptor === 1 ? "info" : "warn", bytes),
    });
  }
}

/** A WASI command may leave its main function by `proc_exit(0)`. */
function allowNormalExit(start: CallableFunction): void {
  try {
    start();
  } catch (error) {
    if (!(error instanceof GuestExit && error.status === 0)) throw error;
  }
}

/** An error text may be `{"type","message"}`; any other text is the message. */
function reportedError(text: string): PluginError {
  try {
    const parsed = JSON.parse(text);
    if (typeof parsed?.message === "string") {
      const type = typeof parsed.type === "string" ? parsed.type : undefined;
      return new PluginError("guest_error", parsed.message, { type });
    }
  } catch {
    // Not JSON: the text itself is the message.
  }
  return new PluginError("guest_error", text);
}
