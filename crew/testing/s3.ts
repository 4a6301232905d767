/**
 * An S3 for tests: the emulator of `fauxqs` on the loopback, with the one promise that it lacks and
 * results rest on: `If-None-Match: *` writes a key once.
 */

import { Buffer } from "node:buffer";
import { buildApp } from "fauxqs";

/** Method, path and key of a request, before it is answered. */
export interface S3Request {
  readonly method: string;
  /** With its leading slash: bucket and key. */
  readonly path: string;
}

/** A running S3. */
export interface TestS3 extends AsyncDisposable {
  readonly endpoint: string;
  /** What was asked, in order. */
  readonly requests: S3Request[];
  /** Answers instead of the store, where it returns something. */
  answer: (request: S3Request) => Response | undefined;
  /** Refuses connections from now on. */
  stop(): Promise<void>;
  /** Is back at the same address, with what it had. */
  start(): void;
}

/** An answer as S3 words an error. */
export function s3Error(status: number, code: string): Response {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code>` +
    `<Message>${code}</Message></Error>`;
  return new Response(body, { status, headers: { "content-type": "application/xml" } });
}

/** Starts one on a free port, without buckets. */
export function startS3(): TestS3 {
  return new RunningS3();
}

class RunningS3 implements TestS3 {
  readonly requests: S3Request[] = [];
  answer: (request: S3Request) => Response | undefined = () => undefined;
  readonly #app = buildApp({ logger: false });
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;
  #port = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    this.start();
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  start(): void {
    const options = { hostname: "127.0.0.1", port: this.#port, onListen: () => undefined };
    this.#server = Deno.serve(options, (request) => this.#serve(request));
    this.#port = this.#server.addr.port;
  }

  async stop(): Promise<void> {
    await this.#server?.shutdown();
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#app.close();
  }

  async #serve(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const { method } = request;
    const body = new Uint8Array(await request.arrayBuffer());
    this.requests.push({ method, path: pathname });
    const instead = this.answer({ method, path: pathname });
    if (instead !== undefined) return instead;
    const headers = Object.fromEntries(request.headers);
    const ask = (method: string) => this.#ask(method, pathname + search, headers, body);
    if (method !== "PUT" || headers["if-none-match"] !== "*") return await ask(method);
    // One after another: looking and writing are one step.
    const answer = this.#last.then(async () => {
      const { status } = await this.#ask("HEAD", pathname, headers, new Uint8Array());
      return status === 200 ? s3Error(412, "PreconditionFailed") : await ask("PUT");
    });
    this.#last = answer.catch(() => undefined); // its own caller is told
    return await answer;
  }

  async #ask(method: string, url: string, headers: Record<string, string>, body: Uint8Array) {
    const answer = await this.#app.inject({
      method: method as "PUT",
      url,
      headers: { ...headers, "content-length": `${body.length}` },
      payload: Buffer.from(body),
    });
    const { statusCode: status, rawPayload } = answer;
    const bodiless = method === "HEAD" || status === 204 || status === 304;
    return new Response(bodiless ? null : new Uint8Array(rawPayload), {
      status,
      headers: Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
    });
  }
}
