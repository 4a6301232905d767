/**
 * One HTTP exchange on behalf of a guest, within bounds. `fetch` cannot do it: it follows the
 * resolver a second time (so what was checked is not what is connected to), unpacks, and reads
 * proxies from the environment. `node:http` takes the addresses that were checked, and verifies a
 * certificate for the name. Authorities beside the usual ones: NODE_EXTRA_CA_CERTS.
 */

import { lookup as resolve } from "node:dns/promises";
import { Agent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as SecureAgent, request as requestHttps } from "node:https";
import { isIP } from "node:net";
import { PluginError } from "../plugin.ts";
import type { AllowedHosts, HttpTarget } from "./allowed_hosts.ts";
import type { HttpReply, HttpRequest } from "./http.ts";

/** Request headers. */
const MAX_HEADERS = 64;

/** Names and values of all headers of a request, and those of a reply with its status, in bytes. */
const MAX_HEADER_BYTES = 16_384;

/** Interim replies (1xx) before the real one. */
const MAX_INTERIM = 8;

/** Addresses of a name that are tried, in the resolver's order. */
const MAX_ADDRESSES = 8;

/** Room for a body before more is needed, in bytes. */
const FIRST_BODY_BYTES = 16_384;

/**
 * A connection of its own that ends with the exchange, and no proxy of the environment: that would
 * resolve the name itself. (`proxyEnv` is not in the types yet.)
 */
const ALONE = { keepAlive: false, proxyEnv: {} };

/** What concerns one connection only, is ours to say, or would have us wait. */
const DROPPED = new Set(
  `connection content-length expect host http2-settings keep-alive proxy-authorization
  proxy-connection te trailer transfer-encoding upgrade`.split(/\s+/),
);

/** Methods whose requests say how long their body is, even when they have none. */
const WITH_BODY = new Set(["POST", "PUT", "PATCH"]);

/** How far a guest may go. */
export interface HttpOptions {
  readonly allowed: AllowedHosts;
  /** From name resolution to the last byte, in milliseconds. */
  readonly timeoutMs: number;
  readonly maxReplyBytes: number;
  /** Aborting closes the connection and rejects with `cancelled`. */
  readonly signal: AbortSignal;
  /** All addresses of a name; default: the system's resolver. */
  readonly lookup?: (name: string) => Promise<readonly string[]>;
}

function failed(message: string, cause?: unknown): PluginError {
  return new PluginError("guest_error", message, { type: "HttpError", cause });
}

function tooMuch(message: string): PluginError {
  return new PluginError("host_limit", message);
}

async function systemLookup(name: string): Promise<string[]> {
  return (await resolve(name, { all: true })).map(({ address }) => address);
}

function checkMethod(method: string): void {
  // CONNECT would turn the connection into one that nothing bounds
  if (/^[A-Z][A-Z-]{0,31}$/.test(method) && method !== "CONNECT") return;
  throw failed(`${JSON.stringify(method.slice(0, 40))} is not a method that may be used`);
}

/** The headers that are sent: the guest's, without those in {@linkcode DROPPED}. */
function requestHeaders(request: HttpRequest, target: HttpTarget): Record<string, string> {
  const headers = new Map<string, string>();
  let bytes = 0;
  for (const [name, value] of Object.entries(request.headers)) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || /[^\t -~\x80-\xff]/.test(value)) {
      throw failed(
        `the header ${JSON.stringify(name.slice(0, 80))} has characters it may not have`,
      );
    }
    bytes += name.length + value.length + 4;
    if (!DROPPED.has(name.toLowerCase())) headers.set(name.toLowerCase(), value);
    if (bytes > MAX_HEADER_BYTES || headers.size > MAX_HEADERS) {
      throw tooMuch(
        `a request may have ${MAX_HEADERS} headers and ${MAX_HEADER_BYTES} bytes of them`,
      );
    }
  }
  if (request.body || WITH_BODY.has(request.method)) {
    headers.set("content-length", String(request.body?.length ?? 0));
  }
  return { ...Object.fromEntries(headers), host: target.authority };
}

/** Addresses that may be connected to; one that may not refuses the name. */
async function addressesOf(target: HttpTarget, options: HttpOptions): Promise<string[]> {
  const { lookup = systemLookup } = options;
  const addresses = isIP(target.host) ? [target.host] : await lookup(target.host);
  for (const address of addresses) options.allowed.checkAddress(target, address);
  if (addresses.length === 0) throw failed(`${target.host} has no address`);
  return addresses.slice(0, MAX_ADDRESSES);
}

/** A body of unknown size; many small pieces cost no more than one. */
class Collected {
  #buffer = new ArrayBuffer(FIRST_BODY_BYTES);
  #length = 0;

  constructor(readonly maxBytes: number) {}

  /** @throws PluginError `host_limit` */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.maxBytes) throw tooMuch(`the reply has more than ${this.maxBytes} bytes`);
    if (length > this.#buffer.byteLength) {
      const room = Math.max(length, Math.min(this.#buffer.byteLength * 2, this.maxBytes));
      this.#buffer = this.#buffer.transfer(room);
    }
    new Uint8Array(this.#buffer).set(piece, this.#length);
    this.#length = length;
  }

  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.transfer(this.#length));
  }
}

function replyHeaders(reply: IncomingMessage): Record<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < reply.rawHeaders.length; i += 2) {
    const name = reply.rawHeaders[i]!.toLowerCase();
    const value = reply.rawHeaders[i + 1]!;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(headers);
}

function describe(error: Error & { code?: string }): string {
  return [error.code, error.message].filter(Boolean).join(": ") || error.name;
}

/** Connects to one of the addresses, whatever the resolver would say now. */
function exchange(
  request: HttpRequest,
  target: HttpTarget,
  addresses: readonly string[],
  options: HttpOptions,
  over: AbortSignal,
): Promise<HttpReply> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpReply>();
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  const client = (target.secure ? requestHttps : requestHttp)({
    host: target.host,
    port: target.port,
    path: target.path,
    method: request.method,
    headers: requestHeaders(request, target),
    agent: new (target.secure ? SecureAgent : Agent)(ALONE),
    maxHeaderSize: MAX_HEADER_BYTES,
    lookup: (_name, { all }, callback) =>
      all ? callback(null, found) : callback(null, found[0]!.address, found[0]!.family),
  });
  const stop = (error: PluginError) => {
    reject(error);
    client.destroy();
  };
  const fail = (error: Error & { code?: string }) =>
    stop(
      error.code === "HPE_HEADER_OVERFLOW"
        ? tooMuch(`the reply has more than ${MAX_HEADER_BYTES} bytes of headers`)
        : failed(`HTTP to ${target.authority} failed: ${describe(error)}`, error),
    );
  over.addEventListener("abort", () => stop(over.reason), { once: true });
  let interim = 0;
  client.on("information", () => {
    if (++interim > MAX_INTERIM) stop(tooMuch("the server sends interim replies without end"));
  });
  client.on("upgrade", () => stop(failed(`${target.authority} changed to another protocol`)));
  client.on("error", fail);
  client.on("response", (reply) => {
    const body = new Collected(options.maxReplyBytes);
    reply.on("error", fail);
    reply.on("data", (piece) => {
      try {
        body.add(piece);
      } catch (error) {
        stop(error as PluginError);
      }
    });
    reply.on("end", () => {
      resolve({ status: reply.statusCode!, headers: replyHeaders(reply), body: body.take() });
    });
  });
  client.end(request.body);
  return promise;
}

/**
 * Asks one host of the list. A redirect is a reply like any other, a packed body stays packed.
 *
 * @throws PluginError `denied`: host or address not allowed; `guest_error` of type `HttpError`: not
 * a request, or no reply; `host_limit`: too much asked or answered; `cancelled`
 */
export async function httpCall(request: HttpRequest, options: HttpOptions): Promise<HttpReply> {
  const { signal, timeoutMs } = options;
  const target = options.allowed.target(request.url);
  checkMethod(request.method);
  const over = new AbortController();
  const { promise: ended, reject: end } = Promise.withResolvers<never>();
  const stop = (error: PluginError) => {
    end(error);
    over.abort(error);
  };
  const cancel = () => stop(new PluginError("cancelled", "the call is over"));
  const timer = setTimeout(
    () => stop(failed(`HTTP to ${target.authority}: no whole reply within ${timeoutMs} ms`)),
    timeoutMs,
  );
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  const run = async () => {
    const addresses = await addressesOf(target, options);
    over.signal.throwIfAborted();
    return await exchange(request, target, addresses, options, over.signal);
  };
  try {
    // resolving a name cannot be aborted: it is left behind
    return await Promise.race([ended, run()]);
  } catch (error) {
    if (error instanceof PluginError) throw error;
    throw failed(`HTTP to ${target.authority} failed: ${describe(error as Error)}`, error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
  }
}
