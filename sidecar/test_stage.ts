/** For tests: a real queue file, sidecars on it, and what they left in the queues. */

import assert from "node:assert/strict";
import { createLogger, type Logger } from "@asya/telemetry";
import { openSqliteTransport, type Queue, type SqliteTransport } from "@asya/transport";
import { functionHandler, type Handler, type HandlerFunction } from "./handlers/mod.ts";
import { readSidecarSettings } from "./settings.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";

const WAIT_MS = 10_000;

/** JSON as a test reads it. */
// deno-lint-ignore no-explicit-any -- a test looks into whatever came
export type Json = any;

/** A message off a queue. */
export interface Message {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly json: Json;
}

/** How a sidecar on the stage is started. */
export interface Start {
  readonly handler?: Handler | HandlerFunction;
  readonly env?: Readonly<Record<string, string>>;
  readonly queue?: (queue: Queue) => Queue;
  readonly log?: Logger;
}

/** Bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An envelope's text. */
export function envelope(payload: unknown, more: object = {}): string {
  return JSON.stringify({
    id: "e-1",
    route: { actors: ["prep", "infer", "post"], current: 0 },
    payload,
    ...more,
  });
}

/** Answers one frame with this payload, or the input's. */
export function answer(payload?: string): HandlerFunction {
  return ({ envelope }) =>
    Promise.resolve({
      frames: [{ payload: payload === undefined ? envelope.payload : bytes(payload) }],
    });
}

/** A queue that does what `real` does, but for the members given. */
export function over(real: Queue, members: Partial<Queue>): Queue {
  return {
    receive: (o) => real.receive(o),
    complete: (delivery, out) => real.complete(delivery, out),
    send: (out) => real.send(out),
    declare: (actor) => real.declare(actor),
    depth: (actor) => real.depth(actor),
    deadLetters: (actor) => real.deadLetters(actor),
    maxMessageBytes: real.maxMessageBytes,
    trouble: real.trouble,
    close: () => real.close(),
    ...members,
  };
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string) {
  const end = performance.now() + WAIT_MS;
  while (!await condition()) {
    assert.ok(performance.now() < end, `gave up waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A folder with a queue file. */
export class Stage implements AsyncDisposable {
  readonly lines: Json[] = [];
  readonly #sidecars: { sidecar: Sidecar; handler: Handler; queue: Queue }[] = [];

  private constructor(readonly dir: string, public transport: SqliteTransport) {}

  /** Declares the actors of most tests; `missing` ones are left out. */
  static async open(
    options: { missing?: string[]; maxMessageBytes?: number } = {},
  ): Promise<Stage> {
    const dir = await Deno.makeTempDir({ prefix: "asya-sidecar-" });
    const { maxMessageBytes } = options;
    const transport = openSqliteTransport({ path: `${dir}/queue.db`, maxMessageBytes });
    const stage = new Stage(dir, transport);
    for (const actor of ["prep", "infer", "post", "happy-end", "error-end"]) {
      if (!options.missing?.includes(actor)) await stage.declare(actor);
    }
    return stage;
  }

  declare(actor: string): Promise<void> {
    return this.transport.queue(actor).declare(actor);
  }

  /** Puts bodies on an actor's queue. */
  async send(actor: string, ...bodies: (string | Uint8Array)[]): Promise<void> {
    const out = bodies.map((body, n) => ({
      actor,
      body: typeof body === "string" ? bytes(body) : body,
      messageId: String(n),
    }));
    const results = await this.transport.queue(actor).send(out);
    assert.ok(results.every(({ ok }) => ok));
  }

  /** Starts a sidecar for `prep`, or the actor that `env` names. */
  start(
    { handler = answer(), env = {}, queue: wrap = (queue) => queue, log }: Start = {},
  ): Sidecar {
    const settings = readSidecarSettings({
      ASYA_ACTOR_NAME: "prep",
      ASYA_TRANSPORT: "sqlite",
      ...env,
    });
    const own = typeof handler === "function"
      ? functionHandler(settings.concurrency, handler)
      : handler;
    const queue = wrap(this.transport.queue(settings.actor));
    const logger = log ??
      createLogger({ level: "debug", write: (line) => this.lines.push(JSON.parse(line)) });
    const sidecar = startSidecar({ settings, queue, handler: own, log: logger });
    this.#sidecars.push({ sidecar, handler: own, queue });
    return sidecar;
  }

  /** Takes `count` messages off an actor's queue, in order; fails when they do not come. */
  async take(actor: string, count: number): Promise<Message[]> {
    const taken: Message[] = [];
    if (count === 0) return taken;
    const queue = this.transport.queue(actor);
    const signal = AbortSignal.timeout(WAIT_MS);
    for await (const delivery of queue.receive({ prefetch: () => count - taken.length, signal })) {
      const text = new TextDecoder().decode(delivery.body);
      taken.push({ bytes: delivery.body, text, json: JSON.parse(text) });
      await queue.complete(delivery, []);
      if (taken.length === count) break;
    }
    assert.equal(taken.length, count, `${actor} was to receive ${count} messages`);
    return taken;
  }

  /** Takes the one message that an actor gets. */
  async takeOne(actor: string): Promise<Message> {
    const [message] = await this.take(actor, 1);
    return message!;
  }

  /** Messages of an actor, in whatever state. */
  async count(actor: string): Promise<number> {
    const { ready, inFlight = 0, delayed = 0 } = await this.transport.queue(actor).depth(actor);
    return ready + inFlight + delayed;
  }

  /** Waits until nothing is left for an actor. */
  async untilEmpty(actor: string): Promise<void> {
    await until(async () => await this.count(actor) === 0, `the queue of ${actor} to be empty`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { sidecar, handler, queue } of this.#sidecars) {
      await sidecar.drain(0).catch(() => undefined); // a test looks at `done` itself
      await handler.close();
      await queue.close();
    }
    await this.transport.close();
    await Deno.remove(this.dir, { recursive: true });
  }
}
