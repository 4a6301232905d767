#!/usr/bin/env node
// @ts-check
/**
 * Serves one JavaScript or TypeScript function to an Asya sidecar over a Unix socket.
 *
 * One file, no dependencies, Node 20 or newer or Deno 2. It imports the handler that ASYA_HANDLER
 * names and answers calls in both versions of the socket protocol, which PROTOCOL.md describes to
 * the byte; README.md says what a handler may rely on.
 *
 * Two threads. The handler, and the sockets that call it, live on a worker thread, so that a call
 * costs no message between threads. The main thread, the door, speaks with sidecars while the
 * handler is loading, takes signals, and ends the process when the handler's thread is blocked. It
 * must never wait for the handler.
 */

import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as net from "node:net";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const MAGIC = "ASYA/2\r\n";
const HELLO = 0x01, CALL = 0x02, CANCEL = 0x03, DRAIN = 0x04, PING = 0x05;
const WELCOME = 0x81, FRAME = 0x82, PARTIAL = 0x83, END = 0x84, ERROR = 0x85;
const PONG = 0x86, LOADING = 0x87;
const HEADER_BYTES = 16; // length of the rest, type, flags, 0, call, length of the head
const MAX_MESSAGE = 2 ** 30;
const MAX_DETAIL = 16_000; // characters of a message or traceback in an error
const MAX_METRICS = 1_000; // values that one call may report
const SEND_TIMEOUT_MS = 60_000; // that a peer may read nothing of its answer
const LOADING_INTERVAL_MS = 1_000;
const TICK_MS = 100;
const BLOCKED_MS = 1_000; // without a sign of life: the handler's thread is blocked
const STOP_MS = 500; // for the handler's thread to let itself be stopped
const MAX_UNSENT = 4 << 20; // bytes of partial results that wait for the peer to read
const UNREAD_BYTES = 1 << 20; // of a connection that nobody serves yet
const COPY_BYTES = 1 << 16; // an answer below this is written as one buffer
const EXIT_STUCK = 75;
const PARTIAL_MARK = "asya.partial";

/** @typedef {{[name: string]: any}} Json an object as JSON.parse makes it */

// --- settings ------------------------------------------------------------------------------------

/**
 * What the environment says; milliseconds and bytes.
 * @typedef {object} Settings
 * @property {string} handler
 * @property {boolean} envelopeMode
 * @property {boolean} validate
 * @property {string} folder
 * @property {string} socketPath
 * @property {number | undefined} socketMode
 * @property {number} chunk
 * @property {number} logLevel
 * @property {number} concurrency
 * @property {number} batchSize
 * @property {number} batchWait
 * @property {number} shutdownGrace
 * @property {number} cancelGrace
 */

const LEVELS = { DEBUG: 10, INFO: 20, WARN: 30, WARNING: 30, ERROR: 40, CRITICAL: 50 };

/**
 * Reads ASYA_* variables.
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {Settings}
 * @throws {SettingsError} with every problem, one a line
 */
export function readSettings(env) {
  /** @type {string[]} */
  const problems = [];
  /**
   * @template T
   * @param {string} name @param {string} fallback
   * @param {(text: string) => T | undefined} parse undefined refuses
   * @param {string} expected
   * @returns {T}
   */
  const read = (name, fallback, parse, expected) => {
    const text = (env[name] ?? fallback).trim();
    const value = parse(text);
    if (value !== undefined) return value;
    problems.push(`${name}='${text}': expected ${expected}`);
    return /** @type {T} */ (parse(fallback));
  };
  /** @param {string} text */
  const level = (text) => LEVELS[/** @type {keyof typeof LEVELS} */ (text.toUpperCase())];
  /** @param {string} text */
  const mode = (text) => ({ payload: false, envelope: true })[text.toLowerCase()];

  const handler = env.ASYA_HANDLER?.trim() ?? "";
  if (!handler) problems.push("ASYA_HANDLER is not set: expected ./file.mjs:function");
  const folder = env.ASYA_SOCKET_DIR || "/var/run/asya";
  const octal = read("ASYA_SOCKET_CHMOD", "0o666", parseOctal, "an octal mode or nothing");
  const settings = {
    handler,
    envelopeMode: read("ASYA_HANDLER_MODE", "payload", mode, "payload or envelope"),
    validate: read("ASYA_ENABLE_VALIDATION", "true", parseBool, "true or false"),
    folder,
    socketPath: join(folder, env.ASYA_SOCKET_NAME || "asya-runtime.sock"),
    socketMode: octal === null ? undefined : octal,
    chunk: read("ASYA_CHUNK_SIZE", "65536", parseCount, "a number of bytes above 0"),
    logLevel: read("ASYA_LOG_LEVEL", "INFO", level, "DEBUG, INFO, WARNING or ERROR"),
    concurrency: read("ASYA_CONCURRENCY", "1", parseCount, "a number above 0"),
    batchSize: read("ASYA_BATCH_SIZE", "1", parseCount, "a number above 0"),
    batchWait: read("ASYA_BATCH_WAIT", "10ms", parseDuration, "a duration like 10ms"),
    shutdownGrace: read("ASYA_SHUTDOWN_GRACE", "30s", parseDuration, "a duration like 30s"),
    cancelGrace: read("ASYA_CANCEL_GRACE", "5s", parseDuration, "a duration like 5s"),
  };
  if (problems.length > 0) throw new SettingsError(problems.join("\n"));
  return settings;
}

/**
 * Milliseconds of a duration as Go writes it: 1m30s, 250ms, 0; undefined when it is none.
 * @param {string} text
 * @returns {number | undefined}
 */
export function parseDuration(text) {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  /** @type {Record<string, number>} */
  const units = { h: 3.6e6, m: 6e4, s: 1e3, ms: 1, us: 1e-3, "µs": 1e-3, ns: 1e-6 };
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    sum += Number(number) * (units[unit ?? ""] ?? 0);
  }
  return sum;
}

/** @param {string} text */
function parseBool(text) {
  const word = text.toLowerCase();
  if (["true", "1", "yes", "on"].includes(word)) return true;
  return ["false", "0", "no", "off", ""].includes(word) ? false : undefined;
}

/** @param {string} text */
function parseCount(text) {
  return /^\d{1,15}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}

/** @param {string} text @returns {number | null | undefined} null: none */
function parseOctal(text) {
  if (text === "") return null;
  return /^(0o)?[0-7]{1,4}$/.test(text) ? parseInt(text.replace("0o", ""), 8) : undefined;
}

// --- log -----------------------------------------------------------------------------------------

let logLevel = LEVELS.INFO;

/**
 * One JSON object a line on standard error. Never a payload.
 * @param {"DEBUG" | "INFO" | "WARN" | "ERROR"} level
 * @param {string} message
 * @param {Json} [fields]
 */
function log(level, message, fields) {
  if (LEVELS[level] < logLevel) return;
  const time = new Date().toISOString();
  print(JSON.stringify({ time, level: level.toLowerCase(), message, ...fields }) + "\n");
}

/**
 * Writes to standard error at once: the next statement may end the process.
 * @param {string} text
 */
function print(text) {
  let rest = Buffer.from(text);
  for (let attempts = 0; rest.length > 0 && attempts < 1_000; attempts++) {
    try {
      rest = rest.subarray(fs.writeSync(2, rest));
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") return; // nobody reads the log any more
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

// --- errors --------------------------------------------------------------------------------------

/** The environment is wrong. */
export class SettingsError extends Error {}

/** The handler cannot be had; the message says what, where and how to mend it. */
export class LoadError extends Error {}

/** An envelope is not what it must be. Named as in the other runtimes: retry rules match names. */
class ValueError extends Error {}

/** A message was cut off. */
class ConnectionError extends Error {}

/** The peer does not speak the protocol; its connection is closed. */
class ProtocolError extends Error {}

/** The handler wanted to end the process; that ends its call instead. */
class ProcessExit extends Error {}

/** A call that ends with `code` because of `cause`, which is what the peer is told about. */
class Refusal extends Error {
  /** @param {string} code @param {unknown} cause */
  constructor(code, cause) {
    super(code, { cause });
    this.code = code;
  }
}

/** @param {unknown} error @returns {unknown} */
function codeOf(error) {
  return /** @type {{code?: unknown} | undefined} */ (error)?.code;
}

/**
 * The `details` of an error, whatever was thrown.
 * @param {unknown} thrown
 * @returns {{message: string, type: string, traceback: string, mro: string[]}}
 */
export function describe(thrown) {
  const names = guarded(() => namesOf(thrown), ["Error"]);
  return {
    message: cut(guarded(() => messageOf(thrown), "(its message cannot be shown)")),
    type: names[0] ?? typeof thrown,
    traceback: cut(guarded(() => traceOf(thrown), "(its traceback cannot be shown)")),
    mro: names.slice(1),
  };
}

/** @param {unknown} thrown */
function messageOf(thrown) {
  return String(thrown instanceof Error ? thrown.message : thrown);
}

/**
 * Its class and the ancestors of that, and a `name` that says more, like "AbortError", first.
 * @param {unknown} thrown
 * @returns {string[]}
 */
function namesOf(thrown) {
  if (!(thrown instanceof Error)) return [typeof thrown];
  const names = [];
  let at = Object.getPrototypeOf(thrown);
  for (; at && at !== Object.prototype && names.length < 32; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, "constructor")) names.push(String(at.constructor.name || "Error"));
  }
  const name = String(thrown.name || "Error");
  return names.includes(name) ? names : [name, ...names];
}

/**
 * The stack without our own frames, and that of each cause.
 * @param {unknown} thrown
 */
function traceOf(thrown) {
  const texts = [];
  /** @type {unknown} */
  let at = thrown;
  for (let depth = 0; at !== undefined && at !== null && depth < 8; depth++) {
    const stack = at instanceof Error ? String(at.stack ?? at) : String(at);
    texts.push(stack.split("\n").filter((line) => !line.includes(import.meta.url)).join("\n"));
    at = at instanceof Error ? at.cause : undefined;
  }
  return texts.join("\nCaused by: ");
}

/** @template T @param {() => T} make @param {T} otherwise a getter of the handler's may throw */
function guarded(make, otherwise) {
  try {
    return make();
  } catch {
    return otherwise;
  }
}

/** @param {string} text */
function cut(text) {
  if (text.length <= MAX_DETAIL) return text;
  const half = MAX_DETAIL / 2;
  return `${text.slice(0, half)}\n... ${text.length - MAX_DETAIL} characters cut ...\n${
    text.slice(-half)
  }`;
}

/** @param {unknown} error whether memory ran out, of this process or of a device */
function isOutOfMemory(error) {
  if (!(error instanceof Error)) return false;
  return ["ENOMEM", "ERR_MEMORY_ALLOCATION_FAILED"].includes(String(codeOf(error))) ||
    /out of memory|array buffer allocation failed/i.test(error.message);
}

// --- JSON ----------------------------------------------------------------------------------------

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Strict UTF-8 and JSON.
 * @param {Uint8Array} data
 * @returns {any}
 */
function parseJson(data) {
  return JSON.parse(utf8.decode(data));
}

/** @param {unknown} value @returns {value is Json} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * JSON of a value, with the rules of README.md for what JSON does not know.
 * @param {unknown} value
 * @param {string} name what the value is called in an error
 * @param {ReadonlyMap<number, string>} [digits] see {@linkcode digitsOf}
 * @returns {string}
 * @throws {TypeError} that says where in the value something is not JSON
 */
export function toJson(value, name = "result", digits) {
  /** @type {(string | number)[]} */
  const path = [];
  /** @param {string} what @returns {never} */
  const refuse = (what) => {
    const place = path.slice(0, 20).map((key) =>
      typeof key === "number"
        ? `[${key}]`
        : /^[\w$]+$/.test(key)
        ? `.${key}`
        : `[${JSON.stringify(key)}]`
    );
    throw new TypeError(`the handler's result is not JSON: ${name}${place.join("")} is ${what}`);
  };
  /** @param {ArrayLike<any>} items @returns {string} */
  const list = (items) => {
    let text = "[";
    for (let i = 0; i < items.length; i++) {
      path.push(i);
      text += (i === 0 ? "" : ",") + (write(items[i]) ?? "null");
      path.pop();
    }
    return text + "]";
  };
  /** @param {Iterable<[any, any]>} members @returns {string} */
  const object = (members) => {
    let text = "";
    for (const [key, member] of members) {
      if (typeof key !== "string") refuse(`a Map with a key that is ${article(typeof key)}`);
      path.push(key);
      const written = write(member);
      path.pop();
      if (written !== undefined) text += `${text && ","}${JSON.stringify(key)}:${written}`;
    }
    return `{${text}}`;
  };
  /** @param {any} it @returns {string | undefined} undefined: leave it out */
  const write = (it) => {
    switch (typeof it) {
      case "string":
        return JSON.stringify(it);
      case "number":
        if (!Number.isFinite(it)) refuse(String(it));
        return Object.is(it, -0) ? "-0" : digits?.get(it) ?? String(it);
      case "boolean":
      case "bigint":
        return String(it);
      case "undefined":
        return undefined;
      case "function":
      case "symbol":
        return refuse(article(typeof it));
    }
    if (it === null) return "null";
    if (Array.isArray(it)) return list(it);
    const prototype = Object.getPrototypeOf(it);
    const plain = prototype === Object.prototype || prototype === null;
    if (!plain) {
      const bytes = bytesOf(it);
      if (bytes) return `"${bytes.toString("base64")}"`;
      if (ArrayBuffer.isView(it)) return list(/** @type {any} */ (it));
      if (it instanceof Map) return object(it);
      if (it instanceof Set) return list([...it]);
      if (it instanceof Date && Number.isNaN(it.getTime())) refuse("an invalid Date");
      if (OPAQUE.some((kind) => it instanceof kind)) refuse(article(prototype.constructor.name));
      if (BOXED.some((kind) => it instanceof kind)) return write(it.valueOf());
    }
    if (typeof it.toJSON === "function") return write(it.toJSON(String(path.at(-1) ?? "")));
    return object(Object.entries(it));
  };
  try {
    return write(value) ?? "null";
  } catch (error) {
    if (!(error instanceof RangeError) || !/call stack/.test(error.message)) throw error;
    return refuse("nested too deeply, or holds itself");
  }
}

/** What JSON.stringify would write as `{}`. */
const OPAQUE = [Promise, Error, RegExp, WeakMap, WeakSet, WeakRef];
const BOXED = [Number, String, Boolean, BigInt];

/** @param {string} noun */
function article(noun) {
  return `${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`;
}

/** @param {any} it @returns {Buffer | undefined} */
function bytesOf(it) {
  if (it instanceof ArrayBuffer || it instanceof SharedArrayBuffer) return Buffer.from(it);
  const raw = it instanceof Uint8Array || it instanceof Uint8ClampedArray || it instanceof DataView;
  return raw ? Buffer.from(it.buffer, it.byteOffset, it.byteLength) : undefined;
}

/**
 * Whether both are the same parsed JSON, order included, however deep.
 * @param {any} one @param {any} other
 * @returns {boolean}
 */
export function sameJson(one, other) {
  const pairs = [[one, other]];
  for (let pair = pairs.pop(); pair; pair = pairs.pop()) {
    const [a, b] = pair;
    if (Object.is(a, b)) continue;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    const keys = Object.keys(a), others = Object.keys(b);
    if (keys.length !== others.length || a.length !== b.length) return false;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] ?? "";
      if (key !== others[i]) return false;
      pairs.push([a[key], b[key]]);
    }
  }
  return true;
}

/**
 * How the numbers were written that a JavaScript number does not hold exactly, by what it holds of
 * them: a result that has such a number gets its digits back. Two that look alike get none.
 * @param {readonly string[]} texts JSON
 * @returns {Map<number, string> | undefined}
 */
export function digitsOf(...texts) {
  if (!texts.some((text) => /[\d.]{16}/.test(text))) return undefined;
  /** @type {Map<number, string>} */
  const found = new Map();
  const note = (/** @type {string} */ source) => {
    const value = Number(source);
    if (source.length < 16 || !Number.isFinite(value)) return;
    found.set(value, found.get(value) ?? source);
    if (found.get(value) !== source) found.set(value, String(value));
  };
  for (const text of texts) scan(text, () => {}, note);
  return found;
}

/**
 * Tells the names of the outermost object's members, and every number.
 * @param {string} text valid JSON
 * @param {(name: string) => void} onMember
 * @param {(source: string) => void} onNumber
 */
function scan(text, onMember, onNumber) {
  const number = /-?\d[\d.eE+-]*/y;
  const colon = /\s*:/y;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      const end = stringEnd(text, i);
      colon.lastIndex = end + 1;
      if (depth === 1 && colon.test(text)) onMember(JSON.parse(text.slice(i, end + 1)));
      i = end;
    } else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else {
      number.lastIndex = i;
      const source = number.exec(text)?.[0];
      if (source === undefined) continue;
      onNumber(source);
      i += source.length - 1;
    }
  }
}

/** @param {string} text @param {number} start of the quote that opens; where it is closed */
function stringEnd(text, start) {
  for (let end = text.indexOf('"', start + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

// --- the handler ---------------------------------------------------------------------------------

/** @typedef {(input: any, context: any) => any} Handler */

const EXTENSIONS = ["mjs", "js", "cjs", "ts", "mts", "cts"];

/**
 * Imports the function of `./file.mjs:function`, or builds the class of `./file.mjs:Class.method`
 * once; `package.module.function` names `package/module.mjs` (or .js, .ts ...) in `folder`.
 * @param {string} name
 * @param {string} folder where relative paths begin
 * @returns {Promise<Handler>}
 * @throws {LoadError} or whatever the file throws
 */
export async function loadHandler(name, folder) {
  const { file, names } = locate(name, folder);
  const module = await importFile(file);
  const where = `${file}`;
  const [first = "default", method, ...more] = names;
  if (more.length > 0) throw new LoadError(`${name} names too much: expected file:Class.method`);
  let handler = member(module, first, where);
  if (method !== undefined) {
    const owner = handler;
    const inside = `${first} in ${where}`;
    const built = typeof owner === "function" && typeof owner.prototype?.[method] === "function" ||
        isClass(owner)
      ? build(owner, inside)
      : owner;
    const found = member(built, method, inside);
    handler = typeof found === "function" ? found.bind(built) : found;
  }
  const label = `${names.join(".") || "the default export"} in ${where}`;
  if (isClass(handler)) throw new LoadError(`${label} is a class: name its method too`);
  if (typeof handler !== "function") throw new LoadError(`${label} is not a function`);
  return handler;
}

/**
 * @param {string} name @param {string} folder
 * @returns {{file: string, names: string[]}}
 */
function locate(name, folder) {
  const parts = /^(.*?\.[cm]?[jt]s)(?:[:#](.*))?$/.exec(name) ??
    /^(.*[^:#])[:#]([^/]*)$/.exec(name);
  if (parts) {
    const file = resolve(folder, parts[1] ?? "");
    if (!fs.existsSync(file)) throw new LoadError(`there is no file ${file}`);
    return { file, names: parts[2] ? parts[2].split(".") : [] };
  }
  const words = name.split(".");
  for (let size = words.length; size > 0; size--) {
    for (const extension of EXTENSIONS) {
      const file = resolve(folder, `${words.slice(0, size).join("/")}.${extension}`);
      if (fs.existsSync(file)) return { file, names: words.slice(size) };
    }
  }
  const start = resolve(folder, words[0] ?? "");
  throw new LoadError(`there is no ${start}.mjs, .js or .ts: expected ./file.mjs:function`);
}

/** @param {string} file */
async function importFile(file) {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (codeOf(error) === "ERR_UNKNOWN_FILE_EXTENSION" && /\.[cm]?ts$/.test(file)) {
      throw new LoadError(
        `Node ${process.version} cannot import TypeScript (${file}): ` +
          "use Node 22.18, 23.6 or newer, or Deno, or compile it to JavaScript",
      );
    }
    throw error;
  }
}

/**
 * A member of a module, class or object; what CommonJS exports is found too.
 * @param {any} owner @param {string} name @param {string} where
 * @returns {any}
 */
function member(owner, name, where) {
  for (const holder of [owner, owner?.default]) {
    if (holder !== undefined && holder !== null && name in Object(holder)) return holder[name];
  }
  const known = namesIn(Object(owner)).sort().slice(0, 20).join(", ");
  const what = name === "default" ? "default export" : name;
  throw new LoadError(`there is no ${what} in ${where}; it has: ${known || "nothing"}`);
}

/** What an object has, and its class. @param {object} owner */
function namesIn(owner) {
  const names = Object.keys(owner);
  const above = Object.getPrototypeOf(owner);
  if (above === null || Object.getPrototypeOf(above) === null || above === Function.prototype) {
    return names;
  }
  return [...names, ...Object.getOwnPropertyNames(above).filter((name) => name !== "constructor")];
}

/** @param {unknown} value */
function isClass(value) {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

/** @param {any} kind @param {string} where */
function build(kind, where) {
  if (kind.length > 0) {
    const needed = kind.length === 1 ? "an argument" : `${kind.length} arguments`;
    throw new LoadError(`class ${where} needs ${needed} to be built: give each a default`);
  }
  return new kind();
}

/** @param {any} value @returns {value is Iterator<any> | AsyncIterator<any>} a generator that runs */
function isIterator(value) {
  return typeof value === "object" && value !== null && typeof value.next === "function" &&
    (Symbol.asyncIterator in value || Symbol.iterator in value);
}

/** @param {any} value @returns {value is PromiseLike<any>} */
function isThenable(value) {
  return typeof value?.then === "function" &&
    (typeof value === "object" || typeof value === "function");
}

/**
 * Nothing is no frame, an array is a fan-out, anything else is one frame.
 * @param {any} result
 * @returns {any[]}
 */
function framesOf(result) {
  if (result === undefined || result === null) return [];
  if (isIterator(result)) {
    throw new TypeError("a batch cannot answer with generators: return values");
  }
  return Array.isArray(result) ? result : [result];
}

// --- envelopes -----------------------------------------------------------------------------------

/**
 * The texts and their order are part of the contract.
 * @param {any} envelope
 * @throws {ValueError}
 */
export function checkEnvelope(envelope) {
  const check = (/** @type {boolean} */ holds, /** @type {string} */ otherwise) => {
    if (!holds) throw new ValueError(otherwise);
  };
  check(has(envelope, "payload"), "Missing required field 'payload' in envelope");
  check(has(envelope, "route"), "Missing required field 'route' in envelope");
  const { route, headers = {}, id = "" } = envelope;
  check(isObject(route), "Field 'route' must be a dict");
  check(has(route, "actors"), "Missing required field 'actors' in route");
  const { actors, current = 0 } = route;
  check(Array.isArray(actors), "Field 'route.actors' must be a list");
  check(Number.isInteger(current), "Field 'route.current' must be an integer");
  check(actors.length > 0, "Field 'route.actors' cannot be empty");
  const bounds = `out of bounds for actors of length ${actors.length}`;
  const written = Number.isInteger(current) ? BigInt(current) : current;
  check(0 <= current && current <= actors.length, `Invalid route.current=${written}: ${bounds}`);
  check(isObject(headers), "Field 'headers' must be a dict");
  check(typeof id === "string", "Field 'id' must be a string");
}

/** @param {unknown} value @param {string} name */
function has(value, name) {
  return isObject(value) && Object.hasOwn(value, name);
}

/**
 * The actors up to `current` must be those that were.
 * @param {readonly unknown[]} passed @param {number} current @param {Json} route
 * @throws {ValueError}
 */
function checkKept(passed, current, route) {
  const kept = route.actors.slice(0, passed.length);
  if (sameJson(kept, passed)) return;
  const list = (/** @type {readonly unknown[]} */ actors) =>
    `[${
      actors.map((actor) => typeof actor === "string" ? `'${actor}'` : JSON.stringify(actor)).join(
        ", ",
      )
    }]`;
  throw new ValueError(
    "Route modification error: already-processed actors cannot be erased. " +
      `Input route had ${list(passed)} (actors 0-${current}), ` +
      `but output route starts with ${list(kept)}. ` +
      "Runtimes can add future actors but must preserve all actors up to current.",
  );
}

/** Makes `route.actors` of the older `route.steps`. @param {any} envelope */
function readOldNames(envelope) {
  const route = envelope.route;
  if (!isObject(route) || "actors" in route || !("steps" in route)) return;
  route.actors = route.steps;
  delete route.steps;
}

/**
 * Of an object those members that are new or not as before, and those that are always told. What is
 * left out the sidecar has as it was written: printing it anew would lose -0 and 1e400.
 * @param {any} before @param {any} after @param {...string} always
 * @returns {any}
 */
function changedMembers(before, after, ...always) {
  if (!isObject(before) || !isObject(after)) return after;
  const changed = Object.entries(after).filter(([name, value]) =>
    always.includes(name) || !Object.hasOwn(before, name) || !sameJson(before[name], value)
  );
  return Object.fromEntries(changed);
}

// --- calls ---------------------------------------------------------------------------------------

/**
 * What a handler gets beside its payload.
 */
export class Context {
  #call;

  /** @param {Call} call */
  constructor(call) {
    this.#call = call;
  }

  /** @returns {string | undefined} the envelope's id */
  get id() {
    return this.#call.facts.id;
  }

  /** @returns {string | undefined} the actor that the handler is of */
  get actor() {
    return this.#call.actor;
  }

  /** @returns {number | undefined} counted from 1; unknown in version 1 */
  get attempt() {
    return this.#call.facts.asya?.attempt;
  }

  /** @returns {string | undefined} when the envelope's answer is of no use any more, RFC 3339 */
  get deadline() {
    return this.#call.facts.deadline;
  }

  /** @returns {AbortSignal} aborted when the call is cancelled */
  get signal() {
    return this.#call.signal;
  }

  /**
   * Reports a value for one of the actor's metrics, which ASYA_CUSTOM_METRICS declares.
   * @param {string} name @param {number} value @param {Readonly<Record<string, string>>} [labels]
   */
  metric(name, value, labels = {}) {
    if (typeof name !== "string" || !Number.isFinite(value)) {
      throw new TypeError(`metric(${name}, ${value}): expected a name and a finite number`);
    }
    const { metrics } = this.#call;
    if (metrics.length === MAX_METRICS) {
      throw new RangeError(`more than ${MAX_METRICS} metric values in one call`);
    }
    const pairs = Object.entries(labels).map(([label, text]) => [label, String(text)]);
    metrics.push({ name, value, labels: Object.fromEntries(pairs) });
  }

  /**
   * Sends a partial result to who follows the envelope, at once. It is dropped in version 1, and
   * while the peer leaves too much unread.
   * @param {unknown} value
   */
  partial(value) {
    if (this.#call.over) throw new Error("the call has ended: it can have no partial result");
    this.#call.partial(value);
  }
}

/** One request and how to answer it; a subclass for each version of the protocol. */
class Call {
  number = 0;
  started = 0; // performance.now(), 0 while it waits for its turn
  over = false;
  /** @type {number | undefined} */
  cancelled = undefined;
  /** @type {Json[]} */
  metrics = [];
  /** @type {Json} what of the envelope is not payload */
  facts = {};
  /** @type {unknown[]} */
  #passed = [];
  #current = 0;
  /** @type {AbortController | undefined} */
  #abort;

  /** @param {Settings} settings @param {Connection} connection */
  constructor(settings, connection) {
    this.settings = settings;
    this.connection = connection;
    this.context = new Context(this);
  }

  /** @returns {string | undefined} */
  get actor() {
    return this.connection.actor;
  }

  get signal() {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.cancelled !== undefined) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  #reason = new DOMException("the call was cancelled", "AbortError");

  /** Tells the handler that nobody wants its answer. */
  cancel() {
    if (this.cancelled !== undefined) return;
    this.cancelled = performance.now();
    this.#abort?.abort(this.#reason);
    this.onCancel();
  }

  /** What cancelling does beside that while the call waits for its turn. */
  onCancel = () => {};

  /** @returns {unknown} what a call fails with that is cancelled before or between its steps */
  get reason() {
    return this.#reason;
  }

  /** What the handler gets. @returns {any} */
  argument() {
    try {
      return this.parse();
    } catch (error) { // bad JSON, bad UTF-8, a bad envelope
      throw error instanceof Refusal ? error : new Refusal("msg_parsing_error", error);
    }
  }

  /** @returns {any} */
  parse() {}

  /** Takes one frame; what it returns can be sent at once. @param {any} _value @returns {Buffer[]} */
  frame(_value) {
    return [];
  }

  /** The end of the answer. @returns {Buffer[]} */
  end() {
    return [];
  }

  /** @param {unknown} _value */
  partial(_value) {}

  /** @param {string} _details JSON @returns {Buffer[]} */
  error(_details) {
    return [];
  }

  /** @returns {number | undefined} how long the sidecar waits, in milliseconds */
  limit() {
    const remaining = this.facts.asya?.remaining_ms;
    return typeof remaining === "number" ? remaining : undefined;
  }

  /** The bytes that tell the peer that the call failed. @param {unknown} thrown */
  failure(thrown) {
    let code = isOutOfMemory(thrown) ? "oom_error" : "processing_error";
    let cause = thrown;
    if (thrown instanceof Refusal) {
      code = thrown.code;
      cause = thrown.cause;
    } else if (this.cancelled !== undefined && this.#isCancellation(thrown)) {
      code = "cancelled";
      cause = this.#reason;
    }
    const details = describe(cause);
    const level = code === "connection_error" ? "DEBUG" : "WARN"; // often a probe
    log(level, "call failed", { call: this.number, error: code, type: details.type });
    return this.error(JSON.stringify({ error: code, details }));
  }

  /** @param {any} thrown */
  #isCancellation(thrown) {
    return guarded(() => thrown === this.#reason || thrown?.name === "AbortError", false);
  }

  /** Checks the envelope and notes the actors that an answer in envelope mode must keep. @param {any} envelope */
  checkInput(envelope) {
    if (!isObject(envelope)) checkEnvelope(envelope);
    readOldNames(envelope);
    if (!this.settings.validate) return;
    checkEnvelope(envelope);
    this.#current = envelope.route.current ?? 0;
    this.#passed = envelope.route.actors.slice(0, this.#current + 1);
  }

  /** @param {any} frame @param {number} index @param {number | undefined} count */
  checkOutput(frame, index, count) {
    if (!this.settings.validate) return;
    try {
      checkEnvelope(frame);
      checkKept(this.#passed, this.#current, frame.route);
    } catch (cause) {
      const place = count === undefined ? `[${index}]` : `[${index}/${count}]`;
      throw new ValueError(`Invalid output envelope${place}: ${messageOf(cause)}`, { cause });
    }
  }

  /** What a frame is called in an error. @param {number} index @param {number | undefined} count */
  nameOf(index, count) {
    return this.several ? `result[${index}]` : count === undefined ? `yield[${index}]` : "result";
  }

  /** Whether the handler returned an array. */
  several = false;
  /** @type {number | undefined} frames of the answer, where that is known before its end */
  count = undefined;
}

/** A whole envelope in, an array of frames out; `undefined` is a message that was cut off. */
class Version1Call extends Call {
  #message;
  /** @type {Map<number, string> | undefined} */
  #digits;
  /** @type {Json} */
  #frame = {};
  /** @type {string[]} */
  #frames = [];

  /** @param {Settings} settings @param {Connection} connection @param {Buffer | undefined} message */
  constructor(settings, connection, message) {
    super(settings, connection);
    this.#message = message;
  }

  /** @override */
  get actor() {
    return this.facts.route?.actors?.[this.facts.route.current ?? 0];
  }

  /** @override */
  parse() {
    if (!this.#message) throw cutOff();
    const text = utf8.decode(this.#message);
    this.#message = undefined;
    const envelope = JSON.parse(text);
    refuseRepeated(text);
    this.#digits = digitsOf(text);
    this.checkInput(envelope);
    const { payload, ...facts } = envelope;
    this.facts = facts;
    if (this.settings.envelopeMode) return envelope;
    try {
      for (const name of ["payload", "route"]) {
        if (!has(envelope, name)) {
          throw new ValueError(`Missing required field '${name}' in envelope`);
        }
      }
      const { route } = envelope;
      if (!isObject(route)) throw new ValueError("Field 'route' must be a dict");
      this.#frame.route = { ...route, current: (route.current ?? 0) + 1 };
    } catch (error) {
      throw new Refusal("processing_error", error);
    }
    if (has(envelope, "headers")) this.#frame.headers = envelope.headers;
    return payload;
  }

  /** @override @param {any} value */
  frame(value) {
    const index = this.#frames.length, name = this.nameOf(index, this.count);
    if (this.settings.envelopeMode) {
      this.checkOutput(value, index, this.count);
      this.#frames.push(toJson(value, name, this.#digits));
    } else {
      const rest = toJson(this.#frame, "envelope", this.#digits).slice(1);
      this.#frames.push(`{"payload":${toJson(value, name, this.#digits)},${rest}`);
    }
    return [];
  }

  /** @override */
  end() {
    return [withLength(`[${this.#frames.join(",")}]`)];
  }

  /** @override @param {string} details */
  error(details) {
    return [withLength(`[${details}]`)];
  }
}

/** Head and payload apart; answered with FRAMEs and an END, or one ERROR. */
class Version2Call extends Call {
  #head;
  #body;
  /** @type {any} */
  #payload;
  /** @type {Json | undefined} */
  #given;
  /** @type {boolean | undefined} */
  #untouched;
  /** @type {{digits: Map<number, string> | undefined} | undefined} */
  #numbers;
  #frames = 0;
  #partials = 0;

  /**
   * @param {Settings} settings @param {Connection} connection
   * @param {number} number @param {Buffer} head @param {Buffer} body
   */
  constructor(settings, connection, number, head, body) {
    super(settings, connection);
    this.number = number;
    this.#head = head;
    this.#body = body;
  }

  /** @override */
  parse() {
    const head = parseJson(this.#head);
    if (!isObject(head)) throw new ValueError("the head of a CALL must be an object");
    this.facts = head;
    this.#payload = parseJson(this.#body);
    if (!this.settings.envelopeMode) return this.#payload;
    // The handler may change its envelope: it gets one of its own.
    const { asya: _, ...envelope } = parseJson(this.#head);
    envelope.payload = this.#payload;
    this.checkInput(envelope);
    return envelope;
  }

  /** @override @param {any} value */
  frame(value) {
    // What an end actor returns when it has nothing to say.
    const { envelopeMode, validate } = this.settings;
    if (envelopeMode && !validate && isObject(value) && Object.keys(value).length === 0) return [];
    const index = this.#frames++, name = this.nameOf(index, this.count);
    if (!envelopeMode) return this.#pack(FRAME, "{}", this.#payloadBytes(value, name));
    this.checkOutput(value, index, this.count);
    if (!has(value, "payload")) {
      throw new ValueError("Missing required field 'payload' in envelope");
    }
    this.#given ??= /** @type {Json} */ (parseJson(this.#head));
    const { payload: _, ...rest } = value;
    const head = changedMembers(this.#given, rest, "route");
    if ("route" in head) {
      head.route = changedMembers(this.#given.route, head.route, "actors", "current");
    }
    const payload = this.#payloadBytes(value.payload, `${name}.payload`);
    return this.#pack(FRAME, toJson(head, name, this.#digits()), payload);
  }

  /** @override */
  end() {
    const metrics = this.metrics.length > 0 ? { metrics: this.metrics } : {};
    return pack(END, this.number, JSON.stringify({ frames: this.#frames, ...metrics }));
  }

  /** @override @param {unknown} value */
  partial(value) {
    if (this.connection.socket.writableLength > MAX_UNSENT) return;
    const body = Buffer.from(toJson(value, "partial", this.#digits()));
    void this.connection.send(this.#pack(PARTIAL, `{"seq":${this.#partials++}}`, body));
  }

  /** @override @param {string} details */
  error(details) {
    return pack(ERROR, this.number, details);
  }

  #digits() {
    this.#numbers ??= { digits: digitsOf(utf8.decode(this.#head), utf8.decode(this.#body)) };
    return this.#numbers.digits;
  }

  /**
   * JSON of a result; the bytes that came in where the handler has not touched them. Parsing and
   * printing would lose -0, 1e400, repeated keys and the spelling of every number.
   * @param {any} value @param {string} name
   * @returns {Buffer}
   */
  #payloadBytes(value, name) {
    if (Object.is(value, this.#payload)) {
      this.#untouched ??= typeof value !== "object" || value === null ||
        sameJson(parseJson(this.#body), value);
      if (this.#untouched) return this.#body;
    }
    return Buffer.from(toJson(value, name, this.#digits()));
  }

  /** @param {number} kind @param {string} head @param {Buffer} body */
  #pack(kind, head, body) {
    const parts = pack(kind, this.number, head, body);
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const limit = this.connection.maxFrame;
    if (size > limit) {
      const text = `a frame of ${size} bytes is above the sidecar's limit of ${limit}`;
      throw new Refusal("resource_limit", new ValueError(text));
    }
    return parts;
  }
}

/** @param {string} text @throws {ValueError} when one of an envelope's own members repeats */
function refuseRepeated(text) {
  const seen = new Set();
  scan(text, (name) => {
    if (seen.has(name)) throw new ValueError(`Duplicate field '${name}' in envelope`);
    seen.add(name);
  }, () => {});
}

function cutOff() {
  const cause = new ConnectionError("Connection closed while reading");
  return new Refusal("connection_error", cause);
}

/** @param {string} text */
function withLength(text) {
  const body = Buffer.from(text);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/**
 * One version 2 frame.
 * @param {number} kind @param {number} call @param {string} head @param {Buffer} [body]
 * @returns {Buffer[]}
 */
function pack(kind, call, head, body) {
  const headBytes = Buffer.byteLength(head);
  const start = Buffer.alloc(HEADER_BYTES + headBytes);
  start.writeUInt32BE(12 + headBytes + (body?.length ?? 0), 0);
  start[4] = kind;
  start.writeUInt32BE(call, 8);
  start.writeUInt32BE(headBytes, 12);
  start.write(head, HEADER_BYTES);
  return body ? [start, body] : [start];
}

// --- connections ---------------------------------------------------------------------------------

/**
 * A peer's socket and the bytes of it that nobody has used yet.
 */
class Connection {
  /** @type {"unknown" | "v1" | "hello" | "call" | "control"} */
  role = "unknown";
  maxFrame = MAX_MESSAGE;
  /** @type {string | undefined} */
  actor = undefined;
  ended = false; // nothing more will come
  busy = false; // a call of it runs
  saidLoading = 0;
  /** @type {Buffer[]} */
  #chunks = [];
  #size = 0;
  #needed = 0;
  #taken = false; // the call of version 1

  /** @param {net.Socket} socket @param {Settings} settings */
  constructor(socket, settings) {
    this.socket = socket;
    this.settings = settings;
  }

  /** Takes what was read. @param {Buffer} data */
  feed(data) {
    this.#chunks.push(data);
    this.#size += data.length;
  }

  get size() {
    return this.#size;
  }

  /** The bytes that nobody has used, once there are as many as the last look wanted. @param {number} needed */
  #bytes(needed) {
    this.#needed = needed;
    if (this.#size < needed) return undefined;
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /** All bytes that nobody has used. */
  rest() {
    const rest = this.#bytes(0) ?? Buffer.alloc(0);
    this.skip(rest.length);
    return rest;
  }

  /** Forgets the first bytes. @param {number} count */
  skip(count) {
    const rest = this.#bytes(0)?.subarray(count);
    this.#chunks = rest && rest.length > 0 ? [rest] : [];
    this.#size = rest?.length ?? 0;
    this.#needed = 0;
  }

  /** Which version the first bytes tell; undefined until they do. @throws {ProtocolError} */
  version() {
    const start = this.#bytes(4)?.toString("latin1", 0, 8);
    if (start === undefined) return undefined;
    if (!start.startsWith(MAGIC.slice(0, 4))) return 1;
    if (start.length < MAGIC.length) return undefined;
    if (start !== MAGIC) throw new ProtocolError(`unknown protocol ${JSON.stringify(start)}`);
    return 2;
  }

  /**
   * The next version 2 frame, once all of it is there.
   * @returns {{kind: number, call: number, head: Buffer, body: Buffer} | undefined}
   * @throws {ProtocolError}
   */
  frame() {
    if (this.#size < this.#needed) return undefined;
    const bytes = this.#bytes(HEADER_BYTES);
    if (!bytes) return undefined;
    const rest = bytes.readUInt32BE(0), headBytes = bytes.readUInt32BE(12);
    if (bytes[5] || bytes[6] || bytes[7]) throw new ProtocolError("unknown flags");
    if (rest >= MAX_MESSAGE || rest < 12 + headBytes) {
      throw new ProtocolError(`a frame of ${rest} bytes with a head of ${headBytes}`);
    }
    const whole = this.#bytes(4 + rest);
    if (!whole) return undefined;
    const bodyStart = HEADER_BYTES + headBytes;
    const head = whole.subarray(HEADER_BYTES, bodyStart),
      body = whole.subarray(bodyStart, 4 + rest);
    this.skip(4 + rest);
    return { kind: bytes.readUInt8(4), call: bytes.readUInt32BE(8), head, body };
  }

  /** The next call, once all of it is there. @returns {Call | undefined} @throws {ProtocolError} */
  nextCall() {
    if (this.role === "v1") return this.#message();
    let frame = this.frame();
    while (frame && frame.kind !== CALL) frame = this.frame();
    return frame && new Version2Call(this.settings, this, frame.call, frame.head, frame.body);
  }

  /** The one message of a version 1 connection. */
  #message() {
    if (this.#taken) return undefined;
    const size = this.#bytes(4)?.readUInt32BE(0) ?? 0;
    if (size >= MAX_MESSAGE) throw new ProtocolError(`a message of ${size} bytes`);
    const whole = this.#size >= 4 ? this.#bytes(4 + size) : undefined;
    if (!whole && !this.ended) return undefined;
    this.#taken = true;
    return new Version1Call(this.settings, this, whole?.subarray(4, 4 + size));
  }

  /**
   * Reads HELLO. @returns {boolean} whether it is there
   * @throws {ProtocolError}
   */
  greeted() {
    const frame = this.frame();
    if (!frame) return false;
    const hello = frame.kind === HELLO
      ? guarded(() => parseJson(frame.head), undefined)
      : undefined;
    if (hello?.role !== "call" && hello?.role !== "control") {
      throw new ProtocolError("expected HELLO with role call or control");
    }
    if (Number.isInteger(hello.max_frame)) this.maxFrame = hello.max_frame;
    if (typeof hello.actor === "string") this.actor = hello.actor;
    this.role = hello.role;
    return true;
  }

  /**
   * Writes; resolves when the peer can take more, or never will.
   * @param {Buffer[]} parts
   * @returns {Promise<void> | undefined} undefined: at once
   */
  send(parts) {
    const { socket } = this;
    if (socket.destroyed || !socket.writable) return undefined;
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    let more = true;
    if (size <= COPY_BYTES) {
      more = socket.write(parts.length === 1 ? parts[0] ?? "" : Buffer.concat(parts));
    } else for (const part of parts) more = socket.write(part);
    if (more) return undefined;
    return new Promise((resolve) => {
      const slow = () => socket.destroy(new Error("the peer does not read its answer"));
      socket.setTimeout(SEND_TIMEOUT_MS, slow);
      const done = () => {
        socket.setTimeout(0);
        socket.off("timeout", slow).off("drain", done).off("close", done);
        resolve();
      };
      socket.once("drain", done).once("close", done);
    });
  }

  /** Says why a connection ends that ought not to, and ends it. @param {unknown} error */
  fail(error) {
    log("WARN", "connection lost", { peer: this.role, reason: messageOf(error) });
    if (error instanceof ProtocolError) {
      const details = { message: error.message, type: "ProtocolError" };
      const text = JSON.stringify({ error: "msg_parsing_error", details });
      void this.send(this.role === "v1" ? [withLength(`[${text}]`)] : pack(ERROR, 0, text));
    }
    this.socket.end();
    this.socket.destroySoon();
  }
}

/**
 * Listens on `path`, replacing what is there in one step. The socket is made beside it: whoever
 * makes a socket removes that name when it goes, and by then it may be a successor's.
 * @param {string} path @param {Settings} settings @param {(socket: net.Socket) => void} accept
 * @returns {Promise<void>}
 */
async function listen(path, settings, accept) {
  const beside = `${path}.new`;
  fs.rmSync(beside, { force: true });
  const options = { allowHalfOpen: true, highWaterMark: settings.chunk };
  const server = net.createServer(options, accept);
  const { promise, resolve, reject } = deferred();
  server.once("error", reject).listen({ path: beside, backlog: 128 }, () => resolve(undefined));
  await promise;
  server.on(
    "error",
    (error) => log("WARN", "cannot accept a connection", { reason: error.message }),
  );
  if (settings.socketMode !== undefined) fs.chmodSync(beside, settings.socketMode);
  fs.renameSync(beside, path);
}

/** Whether somebody listens on a socket; a killed process leaves one behind. @param {string} path */
async function answers(path) {
  const { promise, resolve } = deferred();
  const socket = net.connect({ path });
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  const found = await promise;
  socket.destroy();
  return found === true;
}

/** @template [T=unknown] */
function deferred() {
  /** @type {(value: T) => void} */
  let resolve = () => {};
  /** @type {(error: unknown) => void} */
  let reject = () => {};
  const promise = /** @type {Promise<T>} */ (
    new Promise((yes, no) => {
      resolve = yes;
      reject = no;
    })
  );
  return { promise, resolve, reject };
}

// --- turns: how many calls run at once -----------------------------------------------------------

/** Lets `count` of something run at a time, the others in the order in which they came. */
class Slots {
  /** @type {Set<ReturnType<typeof deferred>>} */
  #waiting = new Set();
  #free;

  /** @param {number} count */
  constructor(count) {
    this.#free = count;
  }

  /**
   * @param {Call} [call] rejects with its reason when it is cancelled before its turn
   * @returns {Promise<unknown> | undefined} undefined: at once
   */
  take(call) {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    const turn = deferred();
    this.#waiting.add(turn);
    if (call) call.onCancel = () => this.#waiting.delete(turn) && turn.reject(call.reason);
    return turn.promise;
  }

  give() {
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next);
      next.resolve(undefined);
    } else this.#free++;
  }
}

/** @typedef {{call: Call, input: any, at: number, done: ReturnType<typeof deferred>}} BatchItem */

/**
 * Collects calls into lists, of which one runs at a time: it is begun when it is full, or `wait`
 * after its first call came.
 */
class Batcher {
  /** @type {BatchItem[]} */
  #items = [];
  #working = false;
  /** Ends the wait for a full list. */
  #full = () => {};

  /**
   * @param {Handler} handler @param {Settings} settings
   * @param {(call: Call) => void} begin told of each call when its list is begun
   */
  constructor(handler, settings, begin) {
    this.handler = handler;
    this.size = settings.batchSize;
    this.wait = settings.batchWait;
    this.begin = begin;
  }

  /** The result of one call. @param {Call} call @param {any} input */
  add(call, input) {
    const item = { call, input, at: performance.now(), done: deferred() };
    this.#items.push(item);
    call.onCancel = () => {
      this.#items = this.#items.filter((other) => other !== item);
      item.done.reject(call.reason);
    };
    if (!this.#working) void this.#work();
    else if (this.#items.length >= this.size) this.#full();
    return item.done.promise;
  }

  async #work() {
    this.#working = true;
    for (let first = this.#items[0]; first; first = this.#items[0]) {
      const left = first.at + this.wait - performance.now();
      if (this.#items.length < this.size && left > 0) {
        await new Promise((resolve) => {
          const timer = setTimeout(resolve, left);
          this.#full = () => {
            clearTimeout(timer);
            resolve(undefined);
          };
        });
      }
      const items = this.#items.splice(0, this.size);
      for (const { call } of items) this.begin(call);
      if (items.length > 0) await this.#run(items);
    }
    this.#working = false;
  }

  /** @param {BatchItem[]} items */
  async #run(items) {
    let results;
    try {
      results = await this.handler(
        items.map(({ input }) => input),
        items.map(({ call }) => call.context),
      );
    } catch (error) {
      if (items.length === 1) return items[0]?.done.reject(error);
      log("WARN", "a batch failed; its calls are made one by one", { calls: items.length });
      // Whose fault it was, nobody knows.
      for (const item of items) {
        if (item.call.cancelled !== undefined) item.done.reject(item.call.reason);
        else await this.#run([item]);
      }
      return;
    }
    if (!Array.isArray(results) || results.length !== items.length) {
      const got = Array.isArray(results) ? `${results.length} results` : "no array";
      const text = `the handler returned ${got} for a batch of ${items.length}: ` +
        "return one result for each payload, in their order";
      for (const item of items) item.done.reject(new TypeError(text));
      return;
    }
    const settled = await Promise.allSettled(results);
    items.forEach(({ done }, i) => {
      const result = settled[i];
      if (result?.status !== "fulfilled") done.reject(result?.reason);
      else if (result.value instanceof Error) done.reject(result.value);
      else done.resolve(result.value);
    });
  }
}

// --- the server: the handler's thread ------------------------------------------------------------

/** A clock that both threads read alike, in milliseconds. */
const clock = () => performance.timeOrigin + performance.now();

/**
 * Serves connections until it leaves.
 */
class Server {
  leaving = false; // no further call is begun
  /** @type {Set<Connection>} */
  #connections = new Set();
  /** @type {Set<Call>} those that run */
  #calls = new Set();
  /** @type {Set<number>} */
  #versions = new Set();
  #single = new Slots(1); // version 1 is served one by one
  #slots;
  #batcher;
  /** @type {number | undefined} */
  #drainingSince;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {Settings} settings @param {Handler} handler
   * @param {Float64Array} shared [0]: when the last of the calls that run must have ended; 0: none
   * @param {(message: Json) => void} tell the door
   */
  constructor(settings, handler, shared, tell) {
    this.settings = settings;
    this.handler = handler;
    this.shared = shared;
    this.tell = tell;
    this.#slots = new Slots(settings.concurrency);
    const begin = (/** @type {Call} */ call) => this.#begin(call);
    this.#batcher = settings.batchSize > 1 ? new Batcher(handler, settings, begin) : undefined;
  }

  /** @param {net.Socket} socket */
  accept(socket) {
    const connection = new Connection(socket, this.settings);
    this.#connections.add(connection);
    socket.on("data", (data) => {
      connection.feed(/** @type {Buffer} */ (data));
      if (connection.busy && connection.size > UNREAD_BYTES) socket.pause();
      this.#read(connection);
    });
    socket.on("end", () => {
      connection.ended = true;
      this.#read(connection);
    });
    socket.on("error", ({ message }) => log("DEBUG", "connection broken", { reason: message }));
    socket.on("close", () => {
      this.#connections.delete(connection);
      if (this.#drainingSince !== undefined) this.#tick(); // it may have been the last
    });
  }

  /** @param {Connection} connection */
  #read(connection) {
    try {
      if (connection.role === "unknown") this.#tellVersion(connection);
      if (connection.role === "hello" && connection.greeted()) this.#welcome(connection);
      if (connection.role === "control") this.#control(connection);
      const calls = connection.role === "call" || connection.role === "v1";
      if (calls && !connection.busy && !this.leaving) {
        const call = connection.nextCall();
        if (call) return void this.#serve(connection, call);
      }
      if (connection.ended && !connection.busy) connection.socket.end();
    } catch (error) {
      connection.fail(error);
    }
  }

  /** @param {Connection} connection */
  #tellVersion(connection) {
    const version = connection.version();
    if (version === 2) {
      connection.skip(MAGIC.length);
      connection.role = "hello";
    } else if (version === 1 || connection.ended) { // a probe; version 1 has always answered it
      connection.role = "v1";
      if (version === 1) this.#versions.add(1);
    }
  }

  /** @param {Connection} connection */
  #welcome(connection) {
    this.#versions.add(2);
    fs.rmSync(join(this.settings.folder, "sidecar-done"), { force: true }); // of its earlier life
    const welcome = { version: 2, ...nature(this.settings), cancel: true, stream: true };
    const text = JSON.stringify({ ...welcome, pid: process.pid });
    void connection.send(pack(WELCOME, 0, text));
  }

  /** @param {Connection} connection */
  #control(connection) {
    for (let frame = connection.frame(); frame; frame = connection.frame()) {
      if (frame.kind === PING) {
        void connection.send(pack(PONG, frame.call, JSON.stringify(this.#vitals())));
      } else if (frame.kind === DRAIN) this.drain("DRAIN");
      else if (frame.kind === CANCEL && frame.call !== 0) this.#cancel(frame.call);
    }
  }

  /** @param {number} number */
  #cancel(number) {
    for (const { call } of [...this.#busy]) if (call.number === number) call.cancel();
    this.#tick();
  }

  /** How the process is: bytes, milliseconds, counts. */
  #vitals() {
    const now = performance.now();
    const ages = [...this.#busy].map(({ arrived }) => Math.floor(now - arrived));
    const rss = process.memoryUsage().rss;
    return { rss, calls: ages.length, oldest_call_ms: Math.max(0, ...ages) };
  }

  /** @type {Set<{call: Call, arrived: number}>} calls that run or wait for their turn */
  #busy = new Set();

  /** @param {Connection} connection @param {Call} call */
  async #serve(connection, call) {
    connection.busy = true;
    const entry = { call, arrived: performance.now() };
    this.#busy.add(entry);
    try {
      const parts = await this.#perform(call);
      const slow = parts && connection.send(parts);
      if (slow) await slow;
    } catch (error) {
      connection.fail(error);
    } finally {
      this.#busy.delete(entry);
      connection.busy = false;
    }
    if (connection.role === "v1" || this.leaving) connection.socket.end();
    connection.socket.resume();
    this.#read(connection);
    if (this.leaving) this.#tick();
  }

  /**
   * The answer; undefined when the runtime leaves instead.
   * @param {Call} call
   * @returns {Promise<Buffer[] | undefined>}
   */
  async #perform(call) {
    const slots = call.connection.role === "v1"
      ? this.#single
      : this.#batcher
      ? undefined
      : this.#slots;
    try {
      const turn = slots?.take(call);
      if (turn) await turn;
    } catch (error) {
      return call.failure(error); // cancelled before its turn
    }
    call.onCancel = () => {};
    try {
      if (this.leaving) return undefined;
      const input = call.argument();
      let result;
      if (this.#batcher) result = await this.#batcher.add(call, input);
      else {
        this.#begin(call);
        result = this.handler(input, call.context);
        if (isThenable(result)) result = await result;
        if (isIterator(result)) return await this.#stream(call, result);
      }
      const frames = framesOf(result);
      call.several = Array.isArray(result);
      call.count = frames.length;
      return [...frames.flatMap((frame) => call.frame(frame)), ...call.end()];
    } catch (error) {
      return call.failure(error);
    } finally {
      call.over = true;
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.shared[0] = 0;
      slots?.give();
    }
  }

  /** @param {Call} call */
  #begin(call) {
    call.onCancel = () => {};
    call.started = performance.now();
    this.#calls.add(call);
    const end = clock() + (call.limit() ?? Infinity) + this.settings.cancelGrace;
    this.shared[0] = Math.max(this.shared[0] ?? 0, end);
  }

  /**
   * Each value of a generator is a frame, or a partial result, and goes out at once.
   * @param {Call} call @param {Iterator<any> | AsyncIterator<any>} iterator
   */
  async #stream(call, iterator) {
    let over = false;
    try {
      for (;;) {
        if (call.cancelled !== undefined) throw call.reason;
        const step = await iterator.next();
        over = step.done === true;
        if (over) return [...framesOf(step.value).flatMap((one) => call.frame(one)), ...call.end()];
        const value = await step.value;
        if (isPartial(value)) call.partial(value[PARTIAL_MARK]);
        else if (value !== undefined) {
          const slow = call.connection.send(call.frame(value));
          if (slow) await slow;
        }
        // Lets it go out, and a cancel come in, however busy the generator is.
        await new Promise((resolve) => setImmediate(resolve));
        if (call.connection.socket.destroyed) throw new ConnectionError("the sidecar has gone");
      }
    } finally {
      if (!over) await iterator.return?.();
    }
  }

  /** @param {string} reason */
  drain(reason) {
    if (this.#drainingSince !== undefined) return;
    log("INFO", "draining", { reason, calls: this.#calls.size });
    this.#drainingSince = performance.now();
    this.tell({ kind: "draining" });
    this.#tick();
  }

  /** Does what is due, and comes back while something may become due. */
  #tick() {
    clearTimeout(this.#timer);
    const now = performance.now();
    const cancelled = this.#lookForStuck(now);
    if (this.#drainingSince !== undefined) this.#lookForEnd(now, this.#drainingSince);
    if (cancelled || this.#drainingSince !== undefined) {
      this.#timer = setTimeout(() => this.#tick(), TICK_MS);
    }
  }

  /** Ends the process when a cancelled call does not end; whether one may be due. @param {number} now */
  #lookForStuck(now) {
    const { cancelGrace } = this.settings;
    const calls = [...this.#calls];
    const first = Math.min(...calls.map((call) => call.cancelled ?? Infinity));
    if (first === Infinity) return false;
    const due = first + cancelGrace;
    // A call that began before may run to its own limit.
    if (now < due || calls.some((call) => call.started < due && now < this.#latestEnd(call))) {
      return true;
    }
    const numbers = calls.map((call) => call.number);
    const text = `a cancelled call did not end within ${cancelGrace / 1_000} s`;
    this.tell({ kind: "stuck", text, calls: numbers });
    return false;
  }

  /** @param {Call} call */
  #latestEnd(call) {
    const { shutdownGrace, cancelGrace } = this.settings;
    return (call.cancelled ?? call.started + (call.limit() ?? shutdownGrace)) + cancelGrace;
  }

  /** @param {number} now @param {number} since */
  #lookForEnd(now, since) {
    const reason = this.leaving ? "" : this.#reasonToLeave(now, since);
    if (reason) {
      log("INFO", "leaving", { reason, calls: this.#calls.size });
      this.leaving = true;
    }
    if (!this.leaving || this.#calls.size > 0) return;
    const open = [...this.#connections].filter(({ socket }) => !socket.writableFinished);
    if (open.length === 0) this.tell({ kind: "leave" });
    for (const { socket } of open) {
      if (!socket.writableEnded) socket.end(() => this.#tick());
    }
  }

  /** @param {number} now @param {number} since */
  #reasonToLeave(now, since) {
    if (fs.existsSync(join(this.settings.folder, "sidecar-done"))) return "the sidecar is done";
    const calling = [...this.#connections].some(({ role }) => role === "call");
    const old = this.#versions.has(1) && !this.#versions.has(2);
    if (!calling && !old) return "no sidecar is connected";
    return now >= since + this.settings.shutdownGrace ? "the grace period is over" : "";
  }
}

/** @param {Settings} settings what WELCOME and runtime-ready say */
function nature({ concurrency, batchSize, envelopeMode }) {
  const mode = envelopeMode ? "envelope" : "payload";
  return { concurrency: Math.max(concurrency, batchSize), mode };
}

/** @param {any} value @returns {value is Json} */
function isPartial(value) {
  return has(value, PARTIAL_MARK) && Object.keys(value).length === 1;
}

/**
 * The handler's thread.
 * @param {Settings} settings @param {Float64Array} shared
 */
async function runHandler(settings, shared) {
  const port = /** @type {NonNullable<typeof parentPort>} */ (parentPort);
  const tell = (/** @type {Json} */ message) => port.postMessage(message);
  logLevel = settings.logLevel;
  keepAlive();
  try {
    const handler = await loadHandler(settings.handler, process.cwd());
    const server = new Server(settings, handler, shared, tell);
    port.on("message", ({ kind, reason }) => {
      if (kind === "ping") tell({ kind: "alive" });
      if (kind === "drain") server.drain(reason);
    });
    await listen(settings.socketPath, settings, (socket) => server.accept(socket));
    tell({ kind: "loaded" });
  } catch (error) {
    const { message, type, traceback } = describe(error);
    const own = error instanceof LoadError;
    tell({
      kind: "failed",
      reason: own ? message : `${type}: ${message}`,
      traceback: own ? "" : traceback,
    });
  }
}

/** What a handler's background work does wrong, and process.exit(), must not lose calls. */
function keepAlive() {
  const report = (/** @type {unknown} */ error) => {
    const { type, traceback } = describe(error);
    log("ERROR", "an error outside of calls, which nobody handled", { type, traceback });
  };
  process.on("unhandledRejection", report).on("uncaughtException", report);
  process.exit = (code) => {
    throw new ProcessExit(`process.exit(${code ?? ""})`);
  };
}

// --- the door: the main thread -------------------------------------------------------------------

/** Looks after the process. */
class Door {
  #loaded = false;
  /** @type {Set<Connection>} came while the handler was loading */
  #waiting = new Set();
  /** @type {Map<string, string | undefined>} path to inode: another process may replace them */
  #ownFiles = new Map();
  /** @type {number | undefined} */
  #drainingSince;
  /** @type {number | undefined} since when the handler's thread owes a sign of life */
  #asked;
  #ending = false;
  #shared = new Float64Array(new SharedArrayBuffer(8));
  /** @type {Worker | undefined} */
  #worker;

  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
    this.readyFile = join(settings.folder, "runtime-ready");
  }

  /** Listens, then starts the handler's thread. @throws when it cannot listen */
  async open() {
    const { settings } = this;
    fs.mkdirSync(settings.folder, { recursive: true });
    if (await answers(settings.socketPath)) {
      throw new Error("another runtime listens there; give this one a folder of its own");
    }
    for (
      const stale of [settings.socketPath, this.readyFile, join(settings.folder, "sidecar-done")]
    ) {
      fs.rmSync(stale, { force: true });
    }
    for (const signal of /** @type {const} */ (["SIGTERM", "SIGINT"])) {
      process.on(signal, () => this.#drain(signal));
    }
    await listen(settings.socketPath, settings, (socket) => this.#accept(socket));
    this.#own(settings.socketPath);
    const file = new URL(import.meta.url);
    const worker = new Worker(file, { workerData: { asya: settings, shared: this.#shared } });
    this.#worker = worker;
    worker.on("message", (message) => this.#hear(message));
    worker.on("error", (error) => this.#lost(`the handler's thread failed: ${messageOf(error)}`));
    worker.on("exit", () => this.#lost("the handler's thread ended"));
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** @param {Json} message of the handler's thread */
  #hear({ kind, reason, traceback, text, calls }) {
    if (kind === "loaded") this.#open();
    else if (kind === "alive") this.#asked = undefined;
    else if (kind === "draining") this.#drainingSince ??= clock();
    else if (kind === "leave") this.#exit(0);
    else if (kind === "stuck") this.#stuck(text, { calls });
    else if (kind === "failed") {
      if (traceback) print(`${traceback}\n`);
      const { handler } = this.settings;
      log("ERROR", `cannot load ASYA_HANDLER='${handler}': ${reason}`);
      this.#exit(1);
    }
  }

  /** The handler is loaded, and its thread listens. */
  #open() {
    const { settings } = this;
    this.#loaded = true;
    this.#own(settings.socketPath);
    const ready = { protocol: 2, ...nature(settings) };
    const beside = `${this.readyFile}.${process.pid}`;
    fs.writeFileSync(beside, JSON.stringify(ready));
    fs.renameSync(beside, this.readyFile);
    this.#own(this.readyFile);
    log("INFO", "handler is ready", { handler: settings.handler, ...ready });
    for (const connection of this.#waiting) this.#relay(connection);
    this.#waiting.clear();
  }

  /** Somebody connects while the handler is loading. @param {net.Socket} socket */
  #accept(socket) {
    const connection = new Connection(socket, this.settings);
    socket.on("error", ({ message }) => log("DEBUG", "connection broken", { reason: message }));
    if (this.#loaded) return this.#relay(connection);
    this.#waiting.add(connection);
    socket.on("data", (data) => {
      connection.feed(/** @type {Buffer} */ (data));
      if (connection.size > UNREAD_BYTES) socket.pause();
      this.#read(connection);
    });
    socket.on("end", () => connection.ended = true);
    socket.on("close", () => this.#waiting.delete(connection));
  }

  /** @param {Connection} connection */
  #read(connection) {
    try {
      if (connection.role === "unknown" && connection.version() === 2) {
        connection.skip(MAGIC.length);
        connection.role = "hello";
      }
      if (connection.role === "hello" && connection.greeted()) this.#sayLoading(connection);
      if (connection.role !== "control") return;
      for (let frame = connection.frame(); frame; frame = connection.frame()) {
        if (frame.kind === PING) void connection.send(pack(PONG, frame.call, "{}"));
        if (frame.kind === DRAIN) this.#drain("DRAIN");
      }
    } catch (error) {
      this.#waiting.delete(connection);
      connection.fail(error);
    }
  }

  /** @param {Connection} connection */
  #sayLoading(connection) {
    connection.saidLoading = clock();
    const message = `importing ${this.settings.handler}`;
    void connection.send(pack(LOADING, 0, JSON.stringify({ message })));
  }

  /** Passes on what a peer that came early says, to the handler's thread and back. @param {Connection} connection */
  #relay(connection) {
    const { socket, role, maxFrame: max_frame, actor } = connection;
    const hello = pack(HELLO, 0, JSON.stringify({ max_frame, actor, role }));
    const greeted = role === "call" || role === "control";
    const opening = role === "unknown" ? [] : [Buffer.from(MAGIC), ...(greeted ? hello : [])];
    const inner = net.connect({ path: this.settings.socketPath, allowHalfOpen: true });
    inner.write(Buffer.concat([...opening, connection.rest()]));
    inner.on("error", () => socket.destroy());
    socket.on("error", () => inner.destroy()).removeAllListeners("data");
    if (connection.ended) inner.end();
    else socket.pipe(inner);
    inner.pipe(socket);
  }

  /** @param {string} signal */
  #drain(signal) {
    if (!this.#loaded) {
      log("INFO", "leaving", { reason: `${signal}; the handler is not loaded yet` });
      return this.#exit(0);
    }
    this.#drainingSince ??= clock();
    this.#worker?.postMessage({ kind: "drain", reason: signal });
  }

  #tick() {
    const now = clock();
    for (const connection of this.#waiting) {
      const due = now >= connection.saidLoading + LOADING_INTERVAL_MS;
      if (connection.saidLoading > 0 && due) this.#sayLoading(connection);
    }
    const { shutdownGrace, cancelGrace } = this.settings;
    if (now >= (this.#drainingSince ?? Infinity) + shutdownGrace + cancelGrace) {
      log("WARN", "leaving calls behind");
      return this.#exit(0);
    }
    this.#lookForBlocked(now);
  }

  /** Ends the process when the handler blocks its thread, where no cancel is read. @param {number} now */
  #lookForBlocked(now) {
    const end = this.#shared[0] ?? 0;
    if (end === 0) return;
    if (this.#asked === undefined) {
      this.#asked = now;
      return this.#worker?.postMessage({ kind: "ping" });
    }
    if (now < this.#asked + BLOCKED_MS) return;
    if (now >= end) this.#stuck("a call blocks its thread beyond its limit and the cancel grace");
    else if (!this.#owns(this.readyFile)) {
      this.#stuck("a call blocks its thread, and runtime-ready was removed");
    }
  }

  /** @param {string} text @param {Json} [fields] */
  #stuck(text, fields) {
    if (this.#ending) return;
    log("ERROR", `${text}; exiting with ${EXIT_STUCK}`, fields);
    this.#exit(EXIT_STUCK);
  }

  /** @param {string} text */
  #lost(text) {
    if (this.#ending) return;
    log("ERROR", text);
    this.#exit(1);
  }

  /** @param {number} code */
  async #exit(code) {
    if (this.#ending) return;
    this.#ending = true;
    for (const path of this.#ownFiles.keys()) {
      if (this.#owns(path)) fs.rmSync(path, { force: true });
    }
    let stopped = "Deno" in globalThis; // which ends whatever its threads do
    const stopping = this.#worker?.terminate().then(() => stopped = true);
    await Promise.race([stopping, new Promise((resolve) => setTimeout(resolve, STOP_MS))]);
    // Node waits for its threads, also for one that is deep in foreign code.
    if (stopped || !this.#worker) process.exit(code);
    else process.kill(process.pid, "SIGKILL");
  }

  /** @param {string} path */
  #own(path) {
    this.#ownFiles.set(path, identityOf(path));
  }

  /** @param {string} path */
  #owns(path) {
    return identityOf(path) === this.#ownFiles.get(path);
  }
}

/**
 * Which file a path leads to; the number of a removed one may be given to the next.
 * @param {string} path
 */
function identityOf(path) {
  const found = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.ino} ${found.mtimeNs}`;
}

/** Runs the process. */
async function main() {
  /** @type {Settings} */
  let settings;
  try {
    settings = readSettings(process.env);
  } catch (error) {
    for (const problem of messageOf(error).split("\n")) log("ERROR", problem);
    return process.exit(1);
  }
  logLevel = settings.logLevel;
  try {
    await new Door(settings).open();
  } catch (error) {
    const { socketPath } = settings;
    log("ERROR", `cannot listen on ${socketPath}: ${messageOf(error)}; set ASYA_SOCKET_DIR`);
    process.exit(1);
  }
}

/** Whether this file is the program, and not imported by another one. */
function isProgram() {
  const { main } = /** @type {{main?: boolean}} */ (/** @type {unknown} */ (import.meta));
  if (main !== undefined) return main;
  const program = process.argv[1];
  return program !== undefined && fs.realpathSync(program) === fileURLToPath(import.meta.url);
}

if (!isMainThread && workerData?.asya) void runHandler(workerData.asya, workerData.shared);
else if (isMainThread && isProgram()) void main();
