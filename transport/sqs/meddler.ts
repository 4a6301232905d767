/** A proxy in front of the emulator, for tests: lets requests pass, or answers them itself. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { ENDPOINT } from "./fixture.ts";

/** A request of the service's client. */
export interface Asked {
  /** `SendMessageBatch` and so on. */
  readonly action: string;
  // deno-lint-ignore no-explicit-any -- tests know what they have asked
  readonly input: any;
  /** Has the emulator answer. */
  readonly pass: () => Promise<Response>;
}

/** Answers a request. */
export type Meddle = (asked: Asked) => Response | Promise<Response>;

/** A refusal of the whole request. */
export function refuse(code: string, message = code, status = 400): Response {
  const body = { __type: `com.amazonaws.sqs#${code}`, message };
  return Response.json(body, { status, headers: { "content-type": "application/x-amz-json-1.0" } });
}

/** The answer to a batch that failed for these entries, by their ids; the others are passed on. */
export async function failEntries(
  { action, input }: Asked,
  ids: readonly string[],
  code: string,
  message = code,
): Promise<Response> {
  const Entries = input.Entries.filter(({ Id }: { Id: string }) => !ids.includes(Id));
  const rest = Entries.length === 0
    ? { Successful: [] }
    : await (await ask(action, JSON.stringify({ ...input, Entries }))).json();
  const Failed = ids.map((Id) => ({ Id, Code: code, Message: message, SenderFault: true }));
  return Response.json({ ...rest, Failed });
}

async function ask(action: string, body: string): Promise<Response> {
  const answer = await fetch(ENDPOINT, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `AmazonSQS.${action}`,
      "authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request",
    },
  });
  // all of it is here before it goes on: a client that leaves leaves nothing behind
  return new Response(await answer.text(), { status: answer.status, headers: answer.headers });
}

/** A running proxy. */
export interface Meddler {
  readonly url: string;
  /** What happens to requests from now on. */
  meddle: Meddle;
  /** How often each action was asked for. */
  readonly asked: Map<string, number>;
  /** As if the host were gone: cuts what is under way. */
  stop(): Promise<void>;
  /** On the same port again. */
  start(): Promise<void>;
}

/** Starts one that lets everything pass. */
export async function startMeddler(): Promise<Meddler> {
  const going = new Set<Promise<void>>();
  let server: Server | undefined;
  let port = 0;
  const meddler: Meddler = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    meddle: ({ pass }) => pass(),
    asked: new Map(),
    async start() {
      server = createServer((request, response) => {
        const answered = answer(meddler, request, response);
        going.add(answered);
        void answered.finally(() => going.delete(answered));
      });
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      port = (server.address() as AddressInfo).port;
    },
    async stop() {
      if (server === undefined) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      server = undefined;
      await closed;
      await Promise.all(going);
    },
  };
  await meddler.start();
  return meddler;
}

async function answer(
  meddler: Meddler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const action = String(request.headers["x-amz-target"]).replace("AmazonSQS.", "");
  const body = await text(request);
  meddler.asked.set(action, (meddler.asked.get(action) ?? 0) + 1);
  const input = JSON.parse(body);
  const said = await meddler.meddle({ action, input, pass: () => ask(action, body) });
  const content = await said.text();
  if (response.destroyed) return; // the client has gone
  response.writeHead(said.status, { "content-type": "application/x-amz-json-1.0" });
  response.end(content);
}
