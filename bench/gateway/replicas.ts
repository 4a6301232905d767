/** Gateway processes on one RabbitMQ and one PostgreSQL, and requests to them. */

import { startPostgres } from "../../tools/services/postgres.ts";
import { Process } from "../broker/process.ts";
import { broker, Scene } from "../broker/scene.ts";
import { v8Flags } from "../image_flags.ts";
import { Client, type Connection } from "./client.ts";

const ACTOR = "prep";
const PATIENCE_MS = 60_000;
const LOOK_MS = 25;
const TOOLS = `tools:
  - { name: echo, description: Echo, parameters: { text: { type: string } }, route: [${ACTOR}] }
`;

/** The body of a call. */
export const CALL = JSON.stringify({ name: "echo", arguments: { text: "x".repeat(500) } });

/** One gateway process. */
export interface Replica {
  readonly client: Client;
  readonly process: Process;
}

/** Two replicas. Their end removes all that they left. */
export interface Replicas extends AsyncDisposable {
  readonly first: Replica;
  readonly second: Replica;
  readonly databaseUrl: string;
}

/** Starts servers and replicas. */
export async function startReplicas(): Promise<Replicas> {
  await using stack = new AsyncDisposableStack();
  const rabbitmq = stack.use(await broker());
  const database = stack.use(await startPostgres());
  const scene = stack.use(await Scene.open(rabbitmq.url, "gateway"));
  await scene.declare(ACTOR);
  const dir = await Deno.makeTempDir({ prefix: "asya-bench-" });
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  await Deno.writeTextFile(`${dir}/tools.yaml`, TOOLS);
  const start = async (): Promise<Replica> => {
    const port = freePort();
    const process = stack.use(Process.module("gateway/main.ts", {
      env: {
        ...scene.env,
        DENO_V8_FLAGS: v8Flags("gateway"),
        ASYA_GATEWAY_HOST: "127.0.0.1",
        ASYA_GATEWAY_PORT: `${port}`,
        ASYA_DATABASE_URL: database.url,
        ASYA_CONFIG_PATH: `${dir}/tools.yaml`,
      },
    }));
    const url = `http://127.0.0.1:${port}`;
    await untilReady(`${url}/health/ready`);
    return { client: stack.use(new Client(url)), process };
  };
  const first = await start();
  const second = await start();
  const owned = stack.move();
  return {
    first,
    second,
    databaseUrl: database.url,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function untilReady(url: string): Promise<void> {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      if (response.ok) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // nobody listens yet
    }
    await new Promise((waited) => setTimeout(waited, LOOK_MS));
  }
  throw new Error(`${url} does not get ready`);
}

/** Calls the tool; the envelope's id. */
export async function call({ client }: Replica): Promise<string> {
  const { status, text } = await client.send("POST", "/tools/call", CALL);
  if (status !== 200) throw new Error(`a call was answered with ${status}: ${text}`);
  return JSON.parse(JSON.parse(text).content[0].text).envelope_id;
}

/** Reads an envelope. */
export async function read({ client }: Replica, id: string): Promise<void> {
  const { status, text } = await client.send("GET", `/envelopes/${id}`);
  if (status !== 200) throw new Error(`a read was answered with ${status}: ${text}`);
}

/** Posts a report about an envelope. */
export async function report(
  { client }: Replica,
  id: string,
  kind: "progress" | "final",
  body: unknown,
): Promise<void> {
  const path = `/envelopes/${id}/${kind}`;
  const { status, text } = await client.send("POST", path, JSON.stringify(body));
  if (status !== 200) throw new Error(`a report was answered with ${status}: ${text}`);
}

/** Opens an envelope's stream. */
export async function listen({ client }: Replica, id: string): Promise<Connection> {
  const stream = await client.stream(`/envelopes/${id}/stream`);
  await stream.until("HTTP/1.1 200");
  return stream;
}
