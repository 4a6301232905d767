/**
 * The functions that a guest may import beside WASI: `extism:host/env`, as the PDKs of Extism expect
 * it, and `asya:host`, ours. What only moves bytes is the kernel's.
 */

import { PluginError, type PluginLimits } from "../plugin.ts";
import { MAX_HOST_CALLS } from "./call_budget.ts";
import type { GuestCall, HostCalls } from "./guest.ts";
import { GuestLog } from "./guest_log.ts";
import type { HttpReply } from "./http.ts";
import { type Kernel, KERNEL_FUNCTIONS } from "./kernel/kernel.ts";
import type { GuestImport } from "./wasi.ts";

/** Namespace of the functions that the PDKs know. */
export const EXTISM_NAMESPACE = "extism:host/env";
/** Namespace of those that only this host has. */
export const ASYA_NAMESPACE = "asya:host";

const decoder = new TextDecoder();

/** What a module may import, by namespace. */
export const OFFERED: Readonly<Record<string, readonly string[]>> = {
  [EXTISM_NAMESPACE]: [
    ...KERNEL_FUNCTIONS,
    ...`output_set error_set error_get get_log_level config_get var_get var_set http_request
    http_status_code http_headers log_trace log_debug log_info log_warn log_error`.split(/\s+/),
  ],
  [ASYA_NAMESPACE]: ["state_get", "state_set", "partial", "metric"],
};

/** Bytes that a guest's variables (keys and values) may hold; they outlive calls. */
const VARIABLE_BYTES = 1 << 20;
/** Charged for every variable beside its bytes: what the host needs to keep it. */
const ENTRY_BYTES = 64;
/** What is read of a text that says what a guest wants, or what went wrong, in bytes. */
const MAX_TEXT_BYTES = 65_536;
/** What the PDKs call debug: lines below it are not worth making. */
const LOG_LEVEL_DEBUG = 1;

/** What a guest has said and asked for, in the call that runs. */
export class CallState {
  /** Where the guest put its output; read when the call ends. */
  output: { readonly address: bigint; readonly length: number } | undefined;
  error: { readonly address: bigint; readonly text: string } | undefined;
  /** What HTTP answered last. */
  reply: HttpReply | undefined;
  /** What the host refused: it ends the call, although the guest may have caught it. */
  refused: PluginError | undefined;
  #hostCalls = 0;

  constructor(readonly call: GuestCall) {}

  /** @throws PluginError `host_limit` */
  count(): void {
    if (++this.#hostCalls <= MAX_HOST_CALLS) return;
    throw new PluginError(
      "host_limit",
      `the call asked its host more than ${MAX_HOST_CALLS} times`,
    );
  }
}

/** For start-up code, which belongs to no call. */
export const NO_HOST: HostCalls = {
  http: refuseAtStart,
  getState: refuseAtStart,
  setState: refuseAtStart,
  partial: refuseAtStart,
  metric: refuseAtStart,
};

function refuseAtStart(): never {
  throw new PluginError("denied", "start-up code may not ask its host for anything but settings");
}

/** The call that start-up code sees. */
export function startUp(limitMs: number): CallState {
  const log = new GuestLog();
  return new CallState({ input: new Uint8Array(), context: {}, limitMs, log, host: NO_HOST });
}

/** What one instance of a guest imports. */
export class Environment {
  /** The call that runs, or start-up. */
  state: CallState;
  readonly #variables = new Map<string, Uint8Array<ArrayBuffer>>();
  #variableBytes = 0;

  constructor(
    private readonly kernel: Kernel,
    private readonly config: Readonly<Record<string, string>>,
    private readonly limits: PluginLimits,
  ) {
    this.state = startUp(limits.startMs);
  }

  /** Functions by namespace and name, the kernel's among them. */
  functions(): Record<string, Record<string, GuestImport>> {
    const extism = {
      ...this.kernel.functions as Record<string, GuestImport>,
      ...this.#guarded(this.#answers()),
      ...this.#guarded(this.#questions(), () => this.state.count()),
    };
    return {
      [EXTISM_NAMESPACE]: extism,
      [ASYA_NAMESPACE]: this.#guarded(this.#asya(), () => this.state.count()),
    };
  }

  /** Throws it, and ends the call with it even where the guest catches it. */
  refuse(error: PluginError): never {
    this.state.refused ??= error;
    throw error;
  }

  #guarded(
    functions: Record<string, GuestImport>,
    before: () => void = () => {},
  ): Record<string, GuestImport> {
    return Object.fromEntries(
      Object.entries(functions).map(([name, run]) => [
        name,
        (...values: Parameters<GuestImport>) => {
          try {
            before();
            return run(...values);
          } catch (error) {
            if (error instanceof PluginError) this.refuse(error);
            throw error;
          }
        },
      ]),
    );
  }

  /** What the guest says of its own call. */
  #answers(): Record<string, GuestImport> {
    const { kernel } = this;
    return {
      output_set: (address: bigint, length: bigint) => this.#setOutput(address, length),
      error_set: (address: bigint) => {
        const bytes = kernel.block(address);
        const cut = bytes.length > MAX_TEXT_BYTES ? "… (cut)" : "";
        const text = decoder.decode(bytes.subarray(0, MAX_TEXT_BYTES)) + cut;
        this.state.error = address === 0n ? undefined : { address, text };
      },
      error_get: () => this.state.error?.address ?? 0n,
      get_log_level: () => LOG_LEVEL_DEBUG,
    };
  }

  #questions(): Record<string, GuestImport> {
    const { kernel } = this;
    const log = (level: "debug" | "info" | "warn" | "error") => (address: bigint) =>
      this.state.call.log.add(level, kernel.block(address));
    return {
      config_get: (address: bigint) => {
        const key = this.#text(address);
        const value = own(this.state.call.context, key) ?? own(this.config, key);
        return value === undefined ? 0n : kernel.putText(value);
      },
      var_get: (address: bigint) => {
        const value = this.#variables.get(this.#text(address));
        return value === undefined ? 0n : kernel.put(value);
      },
      var_set: (key: bigint, value: bigint) =>
        this.#setVariable(this.#text(key), value === 0n ? undefined : kernel.block(value).slice()),
      http_request: (request: bigint, body: bigint) => this.#http(request, body),
      http_status_code: () => this.state.reply?.status ?? 0,
      http_headers: () => {
        const { reply } = this.state;
        return reply === undefined ? 0n : kernel.putText(JSON.stringify(reply.headers));
      },
      log_trace: () => {},
      log_debug: log("debug"),
      log_info: log("info"),
      log_warn: log("warn"),
      log_error: log("error"),
    };
  }

  #asya(): Record<string, GuestImport> {
    const { kernel } = this;
    return {
      state_get: (key: bigint) => {
        const value = this.state.call.host.getState(this.#text(key));
        return value === undefined ? 0n : kernel.put(value);
      },
      state_set: (key: bigint, value: bigint) => {
        const bytes = value === 0n ? undefined : kernel.block(value).slice();
        this.state.call.host.setState(this.#text(key), bytes);
      },
      partial: (body: bigint) => this.state.call.host.partial(kernel.block(body).slice()),
      metric: (metric: bigint) => {
        const { name, value, labels } = readMetric(this.#text(metric));
        this.state.call.host.metric(name, value, labels);
      },
    };
  }

  /** A text that says what the guest wants. @throws PluginError `host_limit` | `trap` */
  #text(address: bigint): string {
    const bytes = this.kernel.block(address);
    if (bytes.length <= MAX_TEXT_BYTES) return decoder.decode(bytes);
    const message = `a text for the host has ${bytes.length} bytes; its limit is ${MAX_TEXT_BYTES}`;
    throw new PluginError("host_limit", message);
  }

  #setOutput(address: bigint, signedLength: bigint): void {
    const length = Number(BigInt.asUintN(64, signedLength));
    const { outputBytes } = this.limits;
    if (length > outputBytes) {
      const message = `the output has ${length} bytes; its limit is ${outputBytes}`;
      throw new PluginError("output_limit", message);
    }
    this.kernel.check(address, length);
    this.state.output = { address, length };
  }

  #setVariable(key: string, value: Uint8Array<ArrayBuffer> | undefined): void {
    const size = (bytes: Uint8Array | undefined) =>
      bytes ? bytes.length + 2 * key.length + ENTRY_BYTES : 0;
    const bytes = this.#variableBytes + size(value) - size(this.#variables.get(key));
    if (bytes > VARIABLE_BYTES) {
      throw new PluginError("memory_limit", `variables hold more than ${VARIABLE_BYTES} bytes`);
    }
    this.#variableBytes = bytes;
    if (value) this.#variables.set(key, value);
    else this.#variables.delete(key);
  }

  #http(request: bigint, bodyAddress: bigint): bigint {
    const { kernel, state } = this;
    const body = bodyAddress === 0n ? undefined : kernel.block(bodyAddress).slice();
    const { method, url, headers } = readRequest(this.#text(request));
    state.reply = undefined;
    state.reply = state.call.host.http({ method, url, headers, body });
    return kernel.put(state.reply.body);
  }
}

function own(settings: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(settings, key) ? settings[key] : undefined;
}

/** An object in JSON that a guest wrote. */
function readObject(json: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const options = { type: "ValueError", cause: error };
    throw new PluginError("guest_error", `${what} is not JSON: ${json.slice(0, 200)}`, options);
  }
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new PluginError("guest_error", `${what} is not an object`, { type: "ValueError" });
}

/** Names in lower case or as they come; values are made texts. */
function texts(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, String(one)]));
}

/** As the PDKs write it: `{"url", "method"?, "headers"?}`; older ones say `header`. */
function readRequest(json: string) {
  const { url, method = "GET", headers, header } = readObject(json, "the HTTP request");
  return {
    url: String(url),
    method: String(method).toUpperCase(),
    headers: texts(headers ?? header),
  };
}

function readMetric(json: string) {
  const { name, value, labels } = readObject(json, "the metric");
  if (typeof name !== "string" || typeof value !== "number" || !Number.isFinite(value)) {
    const message = `a metric is {"name": text, "value": number, "labels"?: {}}: ${
      json.slice(0, 200)
    }`;
    throw new PluginError("guest_error", message, { type: "ValueError" });
  }
  return { name, value, labels: texts(labels) };
}
