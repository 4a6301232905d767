/**
 * A guest that is JavaScript, run by QuickJS in an engine of its own. Every failed call leaves an
 * engine that nobody can trust; it is dropped whole, so no handle in it needs to be given back.
 */

import type { QuickJSContext, QuickJSHandle, QuickJSRuntime } from "quickjs-emscripten-core";
import { PluginError } from "../plugin.ts";
import type { Guest, GuestCall, GuestCode, GuestOptions } from "./guest.ts";
import { guestFailure } from "./guest_failure.ts";
import { newEngine, type ScriptEngine } from "./script_engine.ts";
import { installCoding, needsCoding } from "./script_coding.ts";
import { installGlobals } from "./script_globals.ts";
import { factsOf, ScriptCall, textOf } from "./script_host.ts";
import { readDescribed } from "./script_messages.ts";
import { type Described, prelude } from "./script_prelude.ts";
import { PRELUDE_NAME, readableStack, SCRIPT_NAME, splitScript } from "./script_stack.ts";
import { installUrls, needsUrls } from "./script_urls.ts";
import { TimeLimitExceeded, withTimeLimit } from "./time_limit.ts";

/** Of the engine's stack. Endless recursion ends there, in reach of what V8 gives a thread. */
const STACK_BYTES = 256 * 1024;

/** A guest is given up when more than this part of its memory stays in use after a call. */
const WORN_OUT = 0.75;

/** Calls between two measurements of the memory, at most: one walks over all of the heap. */
const MEASURE_EVERY = 64;

/** Jobs (steps of promises) between two looks at the clock. */
const JOBS_AT_ONCE = 256;

/** The engine's own library takes 150 KB of it. */
const LEAST_MEMORY_BYTES = 1 << 20;

/** How QuickJS says that memory does not suffice; doubling a string ends in the second one. */
const OUT_OF_MEMORY = new Set(["out of memory", "string too long"]);

const encoder = new TextEncoder();

/** How to make a guest of a script. */
export interface ScriptGuestOptions extends GuestOptions {
  readonly code: Extract<GuestCode, { kind: "script" }>;
}

/**
 * Makes an engine and evaluates the script in it, under the time limit.
 *
 * @throws PluginError `missing_function`, `invalid_module` for a syntax error, or as a call
 */
export async function createScriptGuest(options: ScriptGuestOptions): Promise<ScriptGuest> {
  const { memoryBytes } = options.limits;
  if (memoryBytes < LEAST_MEMORY_BYTES) {
    const message =
      `a script needs at least ${LEAST_MEMORY_BYTES} bytes of memory, not ${memoryBytes}`;
    throw new PluginError("memory_limit", message);
  }
  return new ScriptGuest(options, await newEngine(memoryBytes));
}

/** A live engine with a script in it. */
export class ScriptGuest implements Guest {
  readonly #options: ScriptGuestOptions;
  /** Absent: it failed, or was disposed of. */
  #engine: ScriptEngine | undefined;
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #map: string | undefined;
  #handler: QuickJSHandle | undefined;
  #describe: QuickJSHandle | undefined;
  #state: ScriptCall;
  /** Of an import that was refused, which is the engine's message for it too. */
  #refusal: string | undefined;
  #callsSince = 0;
  #measureAfter = 0;
  #memoryUsed = 0;

  /** @throws PluginError */
  constructor(options: ScriptGuestOptions, engine: ScriptEngine) {
    const { limits, code } = options;
    this.#options = options;
    this.#engine = engine;
    this.#state = new ScriptCall(undefined, limits);
    this.#runtime = engine.quickjs.newRuntime();
    this.#runtime.setMaxStackSize(STACK_BYTES);
    this.#runtime.setModuleLoader((name) => ({ error: this.#refuseImport(name) }));
    this.#context = this.#runtime.newContext();
    // Of one allocation; the engine bounds their sum.
    this.#runtime.setMemoryLimit(limits.memoryBytes);
    const script = splitScript(code.source);
    this.#map = script.map;
    this.#limited(() => this.#start(script.code));
    this.#measure();
    this.#measureAfter = 1; // what loading took says nothing of the calls
  }

  /** Bytes that are in use in the engine, when they were last measured. */
  get memoryUsed(): number {
    return this.#memoryUsed;
  }

  get usable(): boolean {
    return this.#engine !== undefined;
  }

  get wornOut(): boolean {
    return this.#memoryUsed > this.#options.limits.memoryBytes * WORN_OUT;
  }

  call(call: GuestCall): Uint8Array<ArrayBuffer> {
    if (!this.#engine) throw new PluginError("closed", "this guest has failed before");
    this.#state = new ScriptCall(call, this.#options.limits);
    const output = this.#limited(() => this.#call(call));
    if (++this.#callsSince >= this.#measureAfter) this.#measure();
    return output;
  }

  dispose(): void {
    this.#engine?.drop();
    this.#engine = undefined;
  }

  /**
   * Runs guest code; it ends at the time limit of the current call, by QuickJS, which looks at the
   * clock often, or a little later by V8.
   */
  #limited<T>(run: () => T): T {
    const state = this.#state;
    this.#runtime.setInterruptHandler(() => state.mustStop());
    try {
      return withTimeLimit(state.limitMs, run);
    } catch (error) {
      const { use } = this.#engine!;
      this.dispose();
      if (error instanceof PluginError) throw error;
      if (error instanceof TimeLimitExceeded) throw state.fatal ?? state.timeout(error);
      throw guestFailure(error, use);
    }
  }

  #start(script: string): void {
    const context = this.#context;
    const ask = context.newFunction("ask", (what, json) => {
      const answer = this.#state.ask(context.getString(what), context.getString(json));
      return answer === undefined ? context.undefined : this.#text(answer);
    });
    const settings = this.#text(JSON.stringify(this.#options.config));
    const install = this.#value(context.evalCode(`(${installGlobals})`, PRELUDE_NAME));
    const begin = this.#value(context.evalCode(`(${prelude})`, PRELUDE_NAME));
    const { undefined: none, global } = context;
    if (needsCoding(script)) {
      const coding = this.#value(context.evalCode(`(${installCoding})`, PRELUDE_NAME));
      this.#value(context.callFunction(coding, none, global));
    }
    if (needsUrls(script)) {
      const urls = this.#value(context.evalCode(`(${installUrls})`, PRELUDE_NAME));
      this.#value(context.callFunction(urls, none, global, ask));
    }
    const made = this.#value(context.callFunction(begin, none, ask, settings, install));
    this.#describe = context.getProp(made, "describe");
    this.#demand(script.length * 3);
    const evaluated = context.evalCode(script, SCRIPT_NAME, { type: "module" });
    const exports = this.#settled(this.#value(evaluated), "the script's top level");
    const name = this.#text(this.#options.functionName);
    const start = context.getProp(made, "start");
    const others = this.#value(context.callFunction(start, none, exports, name));
    if (context.typeof(others) === "string") this.#refuseExports(context.getString(others));
    this.#handler = context.getProp(made, "call");
  }

  #call({ input, context: settings }: GuestCall): Uint8Array<ArrayBuffer> {
    const context = this.#context;
    const text = this.#text(textOf(input), input.length);
    const facts = this.#text(JSON.stringify(factsOf(settings)));
    const result = context.callFunction(this.#handler!, context.undefined, text, facts);
    const answer = this.#settled(this.#value(result), "the handler's promise");
    const output = this.#output(answer);
    for (const handle of [text, facts, answer]) handle.dispose();
    return output;
  }

  #output(answer: QuickJSHandle): Uint8Array<ArrayBuffer> {
    if (this.#context.typeof(answer) === "undefined") return new Uint8Array();
    const { outputBytes } = this.#options.limits;
    const characters = this.#context.getLength(answer) ?? 0;
    if (characters <= outputBytes) {
      const output = encoder.encode(this.#string(answer));
      if (output.length <= outputBytes) return output;
    }
    throw new PluginError(
      "output_limit",
      `the output has more bytes than its limit of ${outputBytes}`,
    );
  }

  /** Runs the promises' jobs until there are none: none is left for the next call. */
  #settled(value: QuickJSHandle, what: string): QuickJSHandle {
    while (this.#runtime.hasPendingJob()) {
      const jobs = this.#runtime.executePendingJobs(JOBS_AT_ONCE);
      if (jobs.error) throw this.#failure(jobs.error);
      if (this.#state.mustStop()) throw this.#state.fatal;
    }
    if (this.#state.fatal) throw this.#state.fatal;
    const promise = this.#context.getPromiseState(value);
    if (promise.type === "rejected") throw this.#failure(promise.error);
    if (promise.type === "pending") {
      throw new PluginError("guest_error", `${what} waits for something that never happens`);
    }
    if (!promise.notAPromise) value.dispose();
    return promise.value;
  }

  #value(result: { value: QuickJSHandle } | { error: QuickJSHandle }): QuickJSHandle {
    if ("error" in result) throw this.#failure(result.error);
    return result.value;
  }

  /** Where memory runs out here, nothing throws: something else is made, or overwritten. */
  #text(text: string, bytes = text.length * 3): QuickJSHandle {
    this.#demand(bytes);
    const handle = this.#context.newString(text);
    if (this.#context.typeof(handle) !== "string") throw this.#outOfMemory("out of memory");
    return handle;
  }

  #demand(bytes: number): void {
    if (!this.#engine!.hasRoom(bytes + 1)) throw this.#outOfMemory("out of memory");
  }

  /** A text that is not empty: the engine gives an empty one where memory runs out. */
  #string(handle: QuickJSHandle): string {
    const text = this.#context.getString(handle);
    if (text === "") throw this.#outOfMemory("out of memory");
    return text;
  }

  #outOfMemory(message: string, guestStack?: string): PluginError {
    const limit = this.#options.limits.memoryBytes;
    return new PluginError("memory_limit", `${message}; the limit is ${limit} bytes`, {
      guestStack,
    });
  }

  #refuseImport(name: string): Error {
    this.#refusal = `the script imports ${JSON.stringify(name)}, which is not there: ` +
      "what a handler needs is bundled with it, and modules of a runtime do not exist";
    return new Error(this.#refusal);
  }

  #refuseExports(others: string): never {
    const name = this.#options.functionName;
    throw new PluginError(
      "missing_function",
      `the script exports no function ${JSON.stringify(name)} and none as default; ` +
        `it exports: ${others}`,
    );
  }

  /** What was thrown in the guest. Its message and stack are its own code, perhaps: still limited. */
  #failure(thrown: QuickJSHandle): PluginError {
    const { type, message, stack } = this.#described(thrown);
    const guestStack = readableStack(stack ?? "", this.#map);
    const { fatal } = this.#state;
    if (fatal) {
      return new PluginError(fatal.code, fatal.message, {
        cause: fatal.cause,
        type: fatal.type,
        guestStack,
      });
    }
    if (type === "InternalError" && OUT_OF_MEMORY.has(message)) {
      return this.#outOfMemory(message, guestStack);
    }
    if (type === undefined && message === "null") {
      return this.#outOfMemory("null was thrown, as the engine does where memory is out");
    }
    if (type === "InternalError" && message === "stack overflow") {
      const text = "the guest's stack is exhausted (endless recursion?)";
      return new PluginError("trap", text, { guestStack });
    }
    if (!this.#handler && message === this.#refusal) {
      return new PluginError("invalid_module", message);
    }
    if (
      !this.#handler && type === "SyntaxError" && stack?.trimStart().startsWith(`at ${SCRIPT_NAME}`)
    ) {
      return new PluginError("invalid_module", `${message} (${guestStack})`, { type });
    }
    return new PluginError("guest_error", message, { type, guestStack });
  }

  #described(thrown: QuickJSHandle): Described {
    // Not interrupted again by QuickJS, or there would be no stack; V8's limit holds.
    this.#runtime.removeInterruptHandler();
    this.#engine!.freeReserve();
    const context = this.#context;
    const nothing = { type: "InternalError", message: "out of memory" };
    if (!this.#describe) return nothing;
    const result = context.callFunction(this.#describe, context.undefined, thrown);
    const json = result.error ? "" : context.getString(result.value);
    return json === "" ? nothing : readDescribed(json);
  }

  /** Sooner again, the faster the memory fills: well before it is worn out. */
  #measure(): void {
    const usage = this.#runtime.computeMemoryUsage();
    const size = this.#context.getProp(usage, "memory_used_size");
    const used = this.#context.getNumber(size);
    for (const handle of [usage, size]) handle.dispose();
    const growth = (used - this.#memoryUsed) / Math.max(1, this.#callsSince);
    const room = this.#options.limits.memoryBytes * WORN_OUT - used;
    const calls = growth > 0 ? Math.floor(room / (2 * growth)) : MEASURE_EVERY;
    this.#measureAfter = Math.min(MEASURE_EVERY, Math.max(1, calls));
    this.#callsSince = 0;
    this.#memoryUsed = used;
  }
}
