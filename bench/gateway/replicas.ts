/** Gateway processes on one RabbitMQ and one PostgreSQL, and requests to them. */

import { startPostgres } from "../../tools/services/postgres.ts";
import { Process } from "../broker/process.ts";
import { broker, Scene } from "../broker/scene.ts";

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
  readonly url: string;
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
        ASYA_GATEWAY_HOST: "127.0.0.1",
        ASYA_GATEWAY_PORT: `${port}`,
        ASYA_DATABASE_URL: database.url,
        ASYA_CONFIG_PATH: `${dir}/tools.yaml`,
      },
    }));
    const url = `http://127.0.0.1:${port}`;
    await untilReady(`${url}/health/ready`);
    return { url, process };
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
export async function call({ url }: Replica): Promise<string> {
  const response = await fetch(`${url}/tools/call`, { method: "POST", body: CALL });
  const text = await response.text();
  if (!response.ok) throw new Error(`a call was answered with ${response.status}: ${text}`);
  return JSON.parse(JSON.parse(text).content[0].text).envelope_id;
}

/** Posts a report about an envelope. */
export async function report(
  { url }: Replica,
  id: string,
  kind: "progress" | "final",
  body: unknown,
): Promise<void> {
  const response = await fetch(`${url}/envelopes/${id}/${kind}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`a report was answered with ${response.status}`);
}

/** Reads an envelope's stream until a piece of text has come; may be asked again. */
export class Listener {
  #text = "";
  readonly #reader: ReadableStreamDefaultReader<string>;

  private constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Opens the stream. */
  static async open({ url }: Replica, id: string): Promise<Listener> {
    const response = await fetch(`${url}/envelopes/${id}/stream`);
    if (!response.ok) throw new Error(`a stream was answered with ${response.status}`);
    return new Listener(response.body!);
  }

  /** Resolves once the text is there. @throws Error where the stream ends before */
  async until(piece: string): Promise<void> {
    while (!this.#text.includes(piece)) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`the stream ended without ${piece}`);
      this.#text += value;
    }
    this.#text = this.#text.slice(this.#text.indexOf(piece) + piece.length);
  }

  /** Leaves. */
  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}
