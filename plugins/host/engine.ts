/**
 * One instance of a guest on the Extism engine, inside our limits. This is the only file that leans
 * on the insides of `@extism/extism`; it was written for {@linkcode ENGINE_VERSION} and checks that.
 *
 * What it relies on, and why:
 * - the engine reads `process.env` when it is imported, which a worker without permissions may not:
 *   it gets an empty one, and is imported after that;
 * - it instantiates through `WebAssembly.instantiate`: replaced while a guest is created, so that
 *   start-up code runs under the time limit, and the engine sees one export only, which runs under
 *   the time limit too and whose return value we keep (the engine drops it);
 * - functions given for `extism:host/env` replace its own: it has no limit on `alloc` that a guest
 *   cannot step around, returns whole blocks for partial outputs, and lets `config_get`, `var_get`
 *   and keys of variables grow without limit.
 */

import process from "node:process";
import type { CurrentPlugin, ExtismPluginOptions, Plugin as ExtismPlugin } from "@extism/extism";
import { PluginError, type PluginLimits } from "../plugin.ts";
import { guestFailure } from "./guest_failure.ts";
import { GuestLog } from "./guest_log.ts";
import { HTTP_NAMESPACE, WASI_NAMESPACE } from "./prepare.ts";
import { withTimeLimit } from "./time_limit.ts";
import { GuestExit, type GuestImport, wasiFunctions } from "./wasi.ts";

/** The version of `@extism/extism` whose insides this file knows. */
export const ENGINE_VERSION = "2.0.0-rc13";

const ENV_NAMESPACE = "extism:host/env";

/** Bytes that a guest's variables (keys and values) may hold; they outlive calls. */
const VARIABLE_BYTES = 1 << 20;

/** Charged for every block and variable beside its bytes: what the host needs to keep it. */
const ENTRY_BYTES = 64;

/** Low 48 bits of an address are the offset in its block. */
const OFFSET_MASK = (1n << 48n) - 1n;

/** A guest is given up after a call that leaves more than this part of its memory in use. */
const WORN_OUT = 0.75;

/** As {@linkcode GuestImport}, with the engine's context in front. */
// deno-lint-ignore no-explicit-any
type HostFunction = (context: CurrentPlugin, ...values: any[]) => unknown;
type HostFunctions = Record<string, Record<string, HostFunction>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

let engine: Promise<typeof import("@extism/extism")> | undefined;

/** Not at the top of the file: messages that come while a worker awaits there are lost. */
function importEngine(): Promise<typeof import("@extism/extism")> {
  if (!import.meta.resolve("@extism/extism").includes(ENGINE_VERSION)) {
    throw new Error(`plugins/host/engine.ts needs @extism/extism ${ENGINE_VERSION} exactly`);
  }
  Object.defineProperty(process, "env", { value: {} });
  return import("@extism/extism");
}

/** How to make a guest. */
export interface GuestOptions {
  readonly module: WebAssembly.Module;
  readonly functionName: string;
  readonly config: Readonly<Record<string, string>>;
  readonly limits: PluginLimits;
}

/** One call of a guest. */
export interface GuestCall {
  readonly input: Uint8Array;
  readonly context: Readonly<Record<string, string>>;
  readonly limitMs: number;
  readonly log: GuestLog;
}

/** What the host functions know of the call that runs. */
class CallState {
  #bytesLeft: number;
  output: { block: DataView; offset: number; length: number } | undefined;
  error: { address: bigint; text: Uint8Array } | undefined;
  status: unknown;

  constructor(readonly call: GuestCall, readonly limits: PluginLimits) {
    this.#bytesLeft = limits.kernelBytes;
    this.charge(call.input.length);
  }

  /** Takes bytes from the call's budget before they are allocated. */
  charge(bytes: number): void {
    this.#bytesLeft -= bytes + ENTRY_BYTES;
    if (bytes >= 0 && this.#bytesLeft >= 0) return;
    const limit = this.limits.kernelBytes;
    throw new PluginError("memory_limit", `the call needs more than ${limit} bytes of host memory`);
  }

  /** The bytes of the output range, without a copy where the range is a whole block. */
  outputBytes(): Uint8Array<ArrayBuffer> {
    if (!this.output) return new Uint8Array();
    const { block, offset, length } = this.output;
    const bytes = new Uint8Array(block.buffer as ArrayBuffer, offset, length);
    return length === block.byteLength ? bytes : bytes.slice();
  }
}

function blockAt(context: CurrentPlugin, address: bigint): Uint8Array {
  const block = context.read(BigInt.asUintN(64, address));
  if (!block) throw new PluginError("trap", `the guest passed ${address}, which is no block`);
  return block.bytes();
}

/** A live instance. After a failed call it must be thrown away. */
export class Guest {
  readonly #options: GuestOptions;
  readonly #variables = new Map<string, Uint8Array<ArrayBuffer>>();
  #variableBytes = 0;
  #memory: WebAssembly.Memory | undefined;
  #plugin: ExtismPlugin | undefined;
  #state: CallState;

  private constructor(options: GuestOptions) {
    this.#options = options;
    const limitMs = options.limits.timeoutMs;
    const start = { input: new Uint8Array(), context: {}, limitMs, log: new GuestLog() };
    this.#state = new CallState(start, options.limits);
  }

  /**
   * Instantiates a module and runs its start-up code, under the time limit.
   *
   * @throws PluginError
   */
  static async create(options: GuestOptions): Promise<Guest> {
    const { createPlugin } = await (engine ??= importEngine());
    const guest = new Guest(options);
    const functions = guest.#functions();
    checkImports(options.module, functions);
    const instantiate = WebAssembly.instantiate;
    let intercepted = false;
    Object.assign(WebAssembly, {
      instantiate: (module: WebAssembly.Module, imports: WebAssembly.Imports) => {
        intercepted = true;
        return Promise.resolve({ exports: guest.#instantiate(module, imports) });
      },
    });
    try {
      guest.#plugin = await createPlugin({ wasm: [{ module: options.module }] }, {
        functions,
        logLevel: "debug",
        logger: SILENT,
      });
    } catch (error) {
      throw guestFailure(error, guest.#use());
    } finally {
      Object.assign(WebAssembly, { instantiate });
    }
    if (!intercepted) throw new Error("@extism/extism no longer uses WebAssembly.instantiate");
    return guest;
  }

  /** Whether the next call had better get a new instance, because this one has used its memory. */
  get wornOut(): boolean {
    const { bytes, limit } = this.#use();
    return bytes > limit * WORN_OUT;
  }

  /**
   * Runs the function once.
   *
   * @returns its output, in a buffer of its own
   * @throws PluginError
   */
  async call(call: GuestCall): Promise<Uint8Array<ArrayBuffer>> {
    const state = this.#state = new CallState(call, this.#options.limits);
    try {
      await this.#plugin!.call(this.#options.functionName, call.input);
    } catch (error) {
      // A guest that stops itself after it reported an error, reported the error.
      if (!state.error || error instanceof PluginError) throw guestFailure(error, this.#use());
    }
    if (state.error) throw reportedError(state.error.text);
    if (Number(state.status ?? 0) !== 0) {
      const name = this.#options.functionName;
      throw new PluginError("guest_error", `${name}() returned ${state.status}`);
    }
    return state.outputBytes();
  }

  #use(): { bytes: number; limit: number } {
    const limit = this.#options.limits.memoryBytes;
    return { bytes: this.#memory?.buffer.byteLength ?? 0, limit };
  }

  /** @returns the exports that the engine may see */
  #instantiate(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Exports {
    const { functionName, limits } = this.#options;
    const instance = withTimeLimit(limits.timeoutMs, () => {
      const created = new WebAssembly.Instance(module, imports);
      const { memory, hs_init, _initialize, _start } = created.exports;
      if (memory instanceof WebAssembly.Memory) this.#memory = memory;
      const start = hs_init ?? _initialize ?? _start;
      if (typeof start === "function") allowNormalExit(start);
      return created;
    });
    const run = instance.exports[functionName] as () => unknown;
    const limited = () => {
      this.#state.status = withTimeLimit(this.#state.call.limitMs, run);
    };
    return { [functionName]: limited };
  }

  #functions(): HostFunctions {
    const wasi = wasiFunctions({
      memory: () => {
        if (!this.#memory) throw new PluginError("trap", "the guest exports no memory yet");
        return this.#memory.buffer as ArrayBuffer;
      },
      write: (descriptor, bytes) =>
        this.#state.call.log.add(descriptor === 1 ? "info" : "warn", bytes),
    });
    return {
      [ENV_NAMESPACE]: this.#environment(),
      [HTTP_NAMESPACE]: {
        http_request: refuseHttp,
        http_status_code: () => 0,
        http_headers: () => 0n,
      },
      [WASI_NAMESPACE]: withoutContext(wasi),
    };
  }

  #environment(): Record<string, HostFunction> {
    const store = (context: CurrentPlugin, bytes: Uint8Array<ArrayBuffer>): bigint => {
      this.#state.charge(bytes.length);
      return context.store(bytes);
    };
    const log =
      (level: "debug" | "info" | "warn" | "error") => (context: CurrentPlugin, address: bigint) =>
        this.#state.call.log.add(level, blockAt(context, address));
    return {
      alloc: (context, bytes: bigint) => {
        this.#state.charge(Number(bytes));
        return context.alloc(bytes);
      },
      output_set: (context, address: bigint, length: bigint) =>
        this.#setOutput(context, address, length),
      error_set: (context, address: bigint) => {
        const text = address === 0n ? undefined : blockAt(context, address);
        this.#state.error = text && { address, text };
      },
      error_get: () => this.#state.error?.address ?? 0n,
      config_get: (context, address: bigint) => {
        const key = decoder.decode(blockAt(context, address));
        const value = own(this.#state.call.context, key) ?? own(this.#options.config, key);
        return value === undefined ? 0n : store(context, encoder.encode(value));
      },
      var_get: (context, address: bigint) => {
        const value = this.#variables.get(decoder.decode(blockAt(context, address)));
        return value === undefined ? 0n : store(context, value.slice());
      },
      var_set: (context, keyAddress: bigint, address: bigint) => {
        const key = decoder.decode(blockAt(context, keyAddress));
        this.#setVariable(key, address === 0n ? undefined : blockAt(context, address).slice());
      },
      log_trace: () => {},
      log_debug: log("debug"),
      log_info: log("info"),
      log_warn: log("warn"),
      log_error: log("error"),
    };
  }

  #setOutput(context: CurrentPlugin, address: bigint, signedLength: bigint): void {
    const unsigned = BigInt.asUintN(64, address);
    const length = Number(BigInt.asUintN(64, signedLength));
    const { outputBytes } = this.#options.limits;
    if (length > outputBytes) {
      throw new PluginError(
        "output_limit",
        `the output has ${length} bytes; its limit is ${outputBytes}`,
      );
    }
    if (length === 0) {
      this.#state.output = undefined;
      return;
    }
    const bytes = blockAt(context, unsigned);
    const offset = Number(unsigned & OFFSET_MASK);
    if (offset + length > bytes.length) {
      throw new PluginError("trap", "the guest set an output that reaches beyond its block");
    }
    this.#state.output = { block: new DataView(bytes.buffer), offset, length };
  }

  #setVariable(key: string, value: Uint8Array<ArrayBuffer> | undefined): void {
    const size = (bytes: Uint8Array | undefined) =>
      bytes ? bytes.length + 2 * key.length + ENTRY_BYTES : 0;
    this.#variableBytes += size(value) - size(this.#variables.get(key));
    if (this.#variableBytes > VARIABLE_BYTES) {
      throw new PluginError("memory_limit", `variables hold more than ${VARIABLE_BYTES} bytes`);
    }
    if (value) this.#variables.set(key, value);
    else this.#variables.delete(key);
  }
}

/** Functions of `extism:host/env` that are left to the engine. */
const ENGINE_FUNCTIONS = `free length length_unsafe load_u8 load_u64 store_u8 store_u64 input_offset
  input_length input_load_u8 input_load_u64 get_log_level`.split(/\s+/);

function checkImports(module: WebAssembly.Module, functions: HostFunctions): void {
  for (const { module: namespace, name } of WebAssembly.Module.imports(module)) {
    if (Object.hasOwn(functions[namespace] ?? {}, name)) continue;
    if (namespace === ENV_NAMESPACE && ENGINE_FUNCTIONS.includes(name)) continue;
    throw new PluginError(
      "invalid_module",
      `the module imports ${namespace}.${name}, which this host does not offer`,
    );
  }
}

function refuseHttp(): never {
  throw new PluginError("guest_error", "the plugin asked for HTTP, which it is not allowed to use");
}

function own(settings: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(settings, key) ? settings[key] : undefined;
}

/** A WASI command may leave its main function by `proc_exit(0)`. */
function allowNormalExit(start: CallableFunction): void {
  try {
    start();
  } catch (error) {
    if (!(error instanceof GuestExit && error.status === 0)) throw error;
  }
}

function withoutContext(functions: Record<string, GuestImport>): Record<string, HostFunction> {
  return Object.fromEntries(
    Object.entries(functions).map(([name, run]) => [
      name,
      (_context: CurrentPlugin, ...values: Parameters<GuestImport>) => run(...values),
    ]),
  );
}

/** An error text may be `{"type","message"}`; any other text is the message. */
function reportedError(text: Uint8Array): PluginError {
  const message = decoder.decode(text);
  try {
    const parsed = JSON.parse(message);
    if (typeof parsed?.message === "string") {
      const type = typeof parsed.type === "string" ? parsed.type : undefined;
      return new PluginError("guest_error", parsed.message, { type });
    }
  } catch {
    // Not JSON: the text itself is the message.
  }
  return new PluginError("guest_error", message);
}

/** The engine's own complaints; what matters of them arrives as errors. */
const SILENT = new Proxy({}, { get: () => () => {} }) as NonNullable<
  ExtismPluginOptions["logger"]
>;
