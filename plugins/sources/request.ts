/**
 * One request to a web server or registry: no plain HTTP but on this machine, few redirects, and
 * credentials for the one host that they are meant for. No secret of a URL gets into an error.
 */

import { SourceError } from "./source.ts";

/** Most redirects that are followed. */
const MAX_REDIRECTS = 5;

const REDIRECTS = [301, 302, 303, 307, 308];

/** What to ask for. */
export interface WebRequest {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** Value of `Authorization`; sent to the first URL's scheme, host and port only. */
  readonly authorization?: string | undefined;
  /** Ends the request and the reading of its answer. */
  readonly signal: AbortSignal;
}

/** An answer of any status that is no redirect. */
export interface WebAnswer {
  readonly response: Response;
  /** Who answered, after all redirects. */
  readonly url: URL;
}

/** A URL without what may be secret: user, password, query (signatures), fragment. */
export function shown(url: URL): string {
  return url.origin + url.pathname;
}

/** The value of `Authorization` for a user and a password. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`;
}

/** Whether a URL's host is this machine. */
export function isLoopback(url: URL): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
}

/** Whether a URL may be asked: HTTPS, or plain HTTP to this machine. */
export function isSafe(url: URL): boolean {
  return url.protocol === "https:" || url.protocol === "http:" && isLoopback(url);
}

/** Whether an answer of `from` may send us to `to`: never from the network to plain HTTP here. */
export function mayFollow(from: URL, to: URL): boolean {
  return to.protocol === "https:" || from.protocol === "http:" && isSafe(to);
}

/**
 * Asks, and follows redirects.
 *
 * @param url without user and password
 * @throws SourceError `unreachable`; the signal's reason
 */
export async function send(url: URL, request: WebRequest): Promise<WebAnswer> {
  const { method = "GET", headers, authorization, signal } = request;
  let at = url;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const own = at.origin === url.origin && authorization !== undefined;
    const response = await ask(at, {
      method,
      headers: { ...headers, ...(own ? { authorization } : {}) },
      redirect: "manual",
      signal,
    });
    if (!REDIRECTS.includes(response.status)) return { response, url: at };
    await response.body?.cancel();
    at = next(at, response.headers.get("location") ?? "");
  }
  throw new SourceError("unreachable", `${shown(url)}: more than ${MAX_REDIRECTS} redirects`);
}

async function ask(url: URL, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    init.signal.throwIfAborted();
    throw interrupted(error, url);
  }
}

function next(from: URL, location: string): URL {
  const to = URL.parse(location, from);
  if (to !== null && mayFollow(from, to) && to.username === "" && to.password === "") return to;
  const where = to === null ? "no URL" : `${to.protocol}//${to.host}`;
  const message = `${shown(from)}: it redirects to ${where}, which is not followed; only https is`;
  throw new SourceError("unreachable", message);
}

/** The error for a request or an answer that broke off. */
export function interrupted(error: unknown, url: URL): SourceError {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = inner instanceof Error ? inner.message : String(inner);
  // The runtime's own message holds the whole URL, so it is copied without.
  const plain = why.replaceAll(url.href, shown(url));
  return new SourceError("unreachable", `${shown(url)}: ${plain}`, { cause: new Error(plain) });
}

/** The error for an answer whose status is not a success; the answer's body is given up. */
export async function refused(
  { response, url }: WebAnswer,
  from: string,
  help: { readonly unauthorized: string; readonly notFound: string },
): Promise<SourceError> {
  await response.body?.cancel();
  const { status } = response;
  const said = `${from}: ${url.host} answered ${status}`;
  if (status === 401 || status === 403) {
    return new SourceError("unauthorized", `${said}; ${help.unauthorized}`);
  }
  if (status === 404 || status === 410) {
    return new SourceError("not_found", `${said}; ${help.notFound}`);
  }
  return new SourceError("unreachable", said);
}

/**
 * Reads the body of an answer with `read`, and says what broke off.
 *
 * @throws SourceError; the signal's reason
 */
export async function body<T>(
  { response, url }: WebAnswer,
  signal: AbortSignal,
  read: (stream: ReadableStream<Uint8Array> | null) => Promise<T>,
): Promise<T> {
  try {
    return await read(response.body);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof SourceError ? error : interrupted(error, url);
  }
}
