// deno-fmt-ignore-file -- it would drop the decorators

/**
 * What an AssemblyScript handler needs: its input, its output, settings, log and errors.
 * It speaks the guest ABI of Extism (`extism:host/env`), so the module runs on any host of that.
 * `import { input, output } from "asya"` finds this file.
 */

@external("extism:host/env", "input_length")
declare function input_length(): u64;
@external("extism:host/env", "input_load_u8")
declare function input_load_u8(offset: u64): u8;
@external("extism:host/env", "input_load_u64")
declare function input_load_u64(offset: u64): u64;
@external("extism:host/env", "alloc")
declare function alloc(length: u64): u64;
@external("extism:host/env", "length")
declare function block_length(block: u64): u64;
@external("extism:host/env", "load_u8")
declare function load_u8(address: u64): u8;
@external("extism:host/env", "load_u64")
declare function load_u64(address: u64): u64;
@external("extism:host/env", "store_u8")
declare function store_u8(address: u64, value: u8): void;
@external("extism:host/env", "store_u64")
declare function store_u64(address: u64, value: u64): void;
@external("extism:host/env", "output_set")
declare function output_set(block: u64, length: u64): void;
@external("extism:host/env", "error_set")
declare function error_set(block: u64): void;
@external("extism:host/env", "config_get")
declare function config_get(key: u64): u64;
@external("extism:host/env", "http_request")
declare function http_request(request: u64, body: u64): u64;
@external("extism:host/env", "http_status_code")
declare function http_status_code(): i32;
@external("asya:host", "state_get")
declare function state_get(key: u64): u64;
@external("asya:host", "state_set")
declare function state_set(key: u64, value: u64): void;
@external("asya:host", "partial")
declare function send_partial(body: u64): void;
@external("asya:host", "metric")
declare function send_metric(metric: u64): void;
@external("extism:host/env", "log_debug")
declare function log_debug(block: u64): void;
@external("extism:host/env", "log_info")
declare function log_info(block: u64): void;
@external("extism:host/env", "log_warn")
declare function log_warn(block: u64): void;
@external("extism:host/env", "log_error")
declare function log_error(block: u64): void;

/** Copies bytes into a new block of the host's. */
function toBlock(bytes: Uint8Array): u64 {
  const length = bytes.length;
  const block = alloc(length);
  const from = bytes.dataStart;
  let i = 0;
  for (; i + 8 <= length; i += 8) store_u64(block + i, load<u64>(from + i));
  for (; i < length; i++) store_u8(block + i, load<u8>(from + i));
  return block;
}

/** Copies a block of the host's. */
function fromBlock(block: u64): Uint8Array {
  const length = block_length(block) as i32;
  const bytes = new Uint8Array(length);
  const to = bytes.dataStart;
  let i = 0;
  for (; i + 8 <= length; i += 8) store<u64>(to + i, load_u64(block + i));
  for (; i < length; i++) store<u8>(to + i, load_u8(block + i));
  return bytes;
}

function textToBlock(text: string): u64 {
  return toBlock(Uint8Array.wrap(String.UTF8.encode(text)));
}

/** The payload's JSON (envelope mode: the envelope's) as it came, byte for byte. */
export function input(): Uint8Array {
  // What the last call left behind. Left to itself the collector may come too late for a large
  // input: it does not run when memory is short.
  __collect();
  const length = input_length() as i32;
  const bytes = new Uint8Array(length);
  const to = bytes.dataStart;
  let i = 0;
  for (; i + 8 <= length; i += 8) store<u64>(to + i, input_load_u64(i));
  for (; i < length; i++) store<u8>(to + i, input_load_u8(i));
  return bytes;
}

/** The same as text. */
export function inputText(): string {
  return String.UTF8.decode(input().buffer);
}

/** Answers with JSON: one value; an array is a fan-out; `null`, or never called, is no frame. */
export function output(json: Uint8Array): void {
  output_set(toBlock(json), json.length);
}

/** The same from text. */
export function outputText(json: string): void {
  output(Uint8Array.wrap(String.UTF8.encode(json)));
}

/** A setting of the actor, or of this call (`asya.id`, `asya.attempt`, ...). */
export function config(key: string): string | null {
  const block = config_get(textToBlock(key));
  if (block === 0) return null;
  return String.UTF8.decode(fromBlock(block).buffer);
}

/** Gives a partial result, as JSON, to whoever follows the envelope. */
export function partial(json: string): void {
  send_partial(textToBlock(json));
}

/** A value for one of the actor's custom metrics. */
export function metric(name: string, value: f64): void {
  send_metric(textToBlock('{"name":' + quote(name) + ',"value":' + value.toString() + "}"));
}

/** Bytes that all calls of the actor share, while the process lives; the actor sets how many. */
// deno-lint-ignore no-namespace
export namespace state {
  export function get(key: string): Uint8Array | null {
    const block = state_get(textToBlock(key));
    return block === 0 ? null : fromBlock(block);
  }
  export function set(key: string, value: Uint8Array): void {
    state_set(textToBlock(key), toBlock(value));
  }
  export function remove(key: string): void {
    state_set(textToBlock(key), 0);
  }
}

/** What HTTP answered. */
export class Reply {
  constructor(public status: i32, public body: Uint8Array) {}
}

/** Asks one of the hosts that the actor allows. Redirects are replies like others. */
export function http(method: string, url: string, body: Uint8Array | null = null): Reply {
  const request = '{"method":' + quote(method) + ',"url":' + quote(url) + "}";
  const block = http_request(textToBlock(request), body === null ? 0 : toBlock(body));
  return new Reply(http_status_code(), fromBlock(block));
}

/** Lines for the actor's log. The host keeps a limited number a call. */
// deno-lint-ignore no-namespace
export namespace log {
  export function debug(message: string): void {
    log_debug(textToBlock(message));
  }
  export function info(message: string): void {
    log_info(textToBlock(message));
  }
  export function warn(message: string): void {
    log_warn(textToBlock(message));
  }
  export function error(message: string): void {
    log_error(textToBlock(message));
  }
}

/** Text as a JSON string, quotes included. */
export function quote(text: string): string {
  let quoted = '"';
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x22 || unit === 0x5c) quoted += "\\" + text.charAt(i);
    else if (unit >= 0x20) quoted += text.charAt(i);
    else quoted += (unit < 0x10 ? "\\u000" : "\\u00") + unit.toString(16);
  }
  return quoted + '"';
}

/** Ends the call with an error; `type` is what retry rules see, e.g. `ValueError`. */
export function fail(message: string, type: string = "Error"): void {
  error_set(textToBlock('{"type":' + quote(type) + ',"message":' + quote(message) + "}"));
  unreachable();
}

/** What `throw`, failed assertions and bounds checks end in; the build puts it in their place. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message === null ? "aborted" : message;
  const where = file === null ? "" : ` (${file}:${line}:${column})`;
  fail(what + where);
}
