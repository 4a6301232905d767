/** A WASM plugin as a handler. Nothing of WASM is loaded before `ready`. */

import { encodeEnvelope, parseAnswer } from "@asya/envelope";
import type { Plugin, PluginError } from "@asya/plugins";
import { checked, checkJson, isList, listOf, payloadsOf } from "./answers.ts";
import {
  type Failure,
  type Handler,
  type HandlerAnswer,
  type HandlerCall,
  HandlerError,
  HandlerGone,
  type HandlerMetric,
  type HandlerSink,
  HandlerTimeout,
} from "./handler.ts";
import { cancelled, unlessAborted } from "./limit.ts";

/** Which plugin, and what it is given. */
export interface WasmHandlerOptions {
  /**
   * Loads the plugin; called by the first `ready`, and again by the next one where it failed. The
   * signal aborts when the handler is closed.
   */
  readonly load: (signal: AbortSignal) => Promise<Plugin>;
  /** The actor's name, for the guest. */
  readonly actor: string;
  /** `payload`: the payload in, a payload (or an array of them) out; `envelope`: whole envelopes. */
  readonly mode: "payload" | "envelope";
}

/** Makes a handler of a plugin. */
export function wasmHandler(options: WasmHandlerOptions): Handler {
  return new WasmHandler(options);
}

class WasmHandler implements Handler {
  #plugin: Plugin | undefined;
  #loading: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #trouble: string | undefined = "the plugin is not loaded";

  constructor(private readonly options: WasmHandlerOptions) {}

  get concurrency(): number {
    return this.#plugin?.concurrency ?? 1;
  }

  get trouble(): string | undefined {
    return this.#plugin === undefined ? this.#trouble : this.#plugin.trouble;
  }

  async ready(signal: AbortSignal): Promise<void> {
    await unlessAborted(() => this.#loading ??= this.#begin(), signal);
    try {
      await this.#plugin?.ready(signal);
    } catch (error) {
      // Not loaded again here: workers that hang cannot be ended, and each burns a core for as long
      // as the process lives. Whoever runs the sidecar starts it anew.
      throw isPluginError(error) ? new HandlerGone(error.message, { cause: error }) : error;
    }
    if (this.#plugin === undefined) throw new HandlerGone(this.trouble);
  }

  async handle(call: HandlerCall, sink: HandlerSink): Promise<HandlerAnswer> {
    const plugin = this.#plugin;
    if (plugin === undefined || plugin.trouble !== undefined) throw new HandlerGone(this.trouble);
    if (call.signal.aborted) throw cancelled(call.signal);
    const { actor, mode } = this.options;
    const { envelope, attempt, limitMs, signal } = call;
    const input = mode === "payload" ? envelope.payload : encodeEnvelope(envelope);
    const context = {
      "asya.actor": actor,
      "asya.attempt": String(attempt),
      "asya.id": envelope.id,
      ...(envelope.deadline === undefined ? {} : { "asya.deadline": envelope.deadline }),
    };
    const metrics: HandlerMetric[] = [];
    let partials = 0;
    let wrong: unknown;
    sink.started();
    let output: Uint8Array;
    try {
      output = await plugin.call({
        input,
        context,
        limitMs,
        signal,
        onPartial: (body) => {
          try {
            checked(() => checkJson(body));
            sink.partial(partials++, body);
          } catch (error) {
            wrong ??= error;
          }
        },
        onMetric: (metric) => metrics.push(metric),
      });
    } catch (error) {
      throw isPluginError(error) ? translated(error, call) : error;
    }
    if (wrong !== undefined) throw wrong;
    const answer = readOutput(output, mode);
    return metrics.length === 0 ? answer : { ...answer, metrics };
  }

  async close(): Promise<void> {
    const plugin = this.#plugin;
    this.#closing.abort(new HandlerGone("the handler was closed"));
    this.#trouble = "the handler was closed";
    this.#plugin = undefined;
    await plugin?.close();
  }

  #begin(): Promise<void> {
    return this.#load().catch((error) => {
      this.#trouble = error instanceof Error ? error.message : String(error);
      this.#loading = undefined;
      throw error;
    });
  }

  async #load(): Promise<void> {
    const { signal } = this.#closing;
    const plugin = await this.options.load(signal);
    if (signal.aborted) {
      await plugin.close();
      throw signal.reason;
    }
    this.#plugin = plugin;
  }
}

/** By its name, so that a sidecar without a plugin does not load the room of plugins. */
function isPluginError(error: unknown): error is PluginError {
  return error instanceof Error && error.name === "PluginError";
}

function translated(error: PluginError, call: HandlerCall): Error {
  const options = { cause: error };
  switch (error.code) {
    case "timeout":
      return new HandlerTimeout(error.message, true, options);
    case "closed":
      return new HandlerGone(error.message, options);
    case "cancelled":
      return cancelled(call.signal);
    case "memory_limit":
      return new HandlerError(failure("oom_error", error), options);
    case "output_limit":
    case "host_limit":
      return new HandlerError(failure("resource_limit", error), options);
    default:
      return new HandlerError(failure("processing_error", error), options);
  }
}

function failure(code: Failure["code"], error: PluginError): Failure {
  return {
    code,
    message: error.message,
    ...(error.type === undefined ? {} : { type: error.type }),
    ...(error.guestStack === undefined ? {} : { traceback: error.guestStack }),
  };
}

const NULL = [0x6e, 0x75, 0x6c, 0x6c];

/**
 * The frames in a plugin's output: nothing and `null` are none, an array is one an element, any
 * other value is one.
 */
function readOutput(output: Uint8Array, mode: "payload" | "envelope"): HandlerAnswer {
  const start = output.findIndex((byte) => !isSpace(byte));
  const end = output.findLastIndex((byte) => !isSpace(byte)) + 1;
  const json = output.subarray(Math.max(start, 0), end);
  if (json.length === 0 || isNull(json)) return { frames: [] };
  if (mode === "envelope") return readEnvelopes(json);
  if (isList(json)) {
    return { frames: checked(() => payloadsOf(json)).map((payload) => ({ payload })) };
  }
  checked(() => checkJson(json));
  return { frames: [{ payload: json }] };
}

function readEnvelopes(json: Uint8Array): HandlerAnswer {
  const answer = checked(() => parseAnswer(isList(json) ? json : listOf(json)));
  if ("failure" in answer) throw new HandlerError(answer.failure);
  return answer;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isNull(json: Uint8Array): boolean {
  return json.length === NULL.length && NULL.every((byte, at) => json[at] === byte);
}
