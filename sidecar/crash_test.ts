/** The process dies at every possible step of the queue; nothing may be lost, ids stay the same. */

import assert from "node:assert/strict";
import { createLogger } from "@asya/telemetry";
import { type Delivery, openSqliteTransport, type Queue } from "@asya/transport";
import { functionHandler, HandlerError, type HandlerFunction } from "./handlers/mod.ts";
import { readSidecarSettings } from "./settings.ts";
import { startSidecar } from "./sidecar.ts";
import { bytes, envelope, until } from "./test_stage.ts";

/** Where in a step the process dies: before it, after it, or with all sent and nothing acknowledged. */
const MOMENTS = ["before", "after", "between"] as const;
type DyingMoment = typeof MOMENTS[number];

class Killed extends Error {}

/** A queue under which the process dies at step `at`; nothing gets through afterwards. */
class DyingQueue implements Queue {
  steps = 0;
  readonly maxMessageBytes: number;
  readonly trouble = undefined;

  constructor(
    private readonly queue: Queue,
    private readonly at: number,
    private readonly when: DyingMoment,
  ) {
    this.maxMessageBytes = queue.maxMessageBytes;
  }

  async *receive(o: Parameters<Queue["receive"]>[0]): AsyncGenerator<Delivery> {
    for await (const delivery of this.queue.receive(o)) {
      yield {
        body: delivery.body,
        lost: delivery.lost,
        ...delivery.deliveries === undefined ? {} : { deliveries: delivery.deliveries },
        release: () => this.#step(() => delivery.release()),
        deadLetter: (reason) => this.#step(() => delivery.deadLetter(reason)),
        inner: delivery,
      } as Delivery;
    }
  }

  complete(delivery: Delivery, out: Parameters<Queue["send"]>[0]) {
    const { inner } = delivery as Delivery & { readonly inner: Delivery };
    return this.#step(() => this.queue.complete(inner, out), () => this.queue.send(out));
  }

  send(out: Parameters<Queue["send"]>[0]) {
    return this.#step(() => this.queue.send(out));
  }

  declare(actor: string) {
    return this.queue.declare(actor);
  }
  depth(actor: string) {
    return this.queue.depth(actor);
  }
  deadLetters(actor: string) {
    return this.queue.deadLetters(actor);
  }
  close() {
    return this.queue.close();
  }

  async #step<T>(run: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
    const step = ++this.steps;
    if (step > this.at) return await new Promise<never>(() => undefined);
    if (step < this.at) return await run();
    if (this.when === "after") await run();
    if (this.when === "between") await half?.();
    throw new Killed();
  }
}

const INPUTS = [
  envelope(1, { id: "plain" }),
  envelope(2, { id: "parts" }),
  envelope(3, { id: "again" }),
  envelope(4, { id: "bad" }),
  envelope(5, { id: "waits" }),
  "x".repeat(100_000),
];

const handler: HandlerFunction = ({ envelope: { id, payload }, attempt }) => {
  const failure = { code: "processing_error", message: "no", type: id === "bad" ? "Bad" : "Once" };
  if (id === "bad" || id === "again" && attempt === 1) {
    return Promise.reject(new HandlerError(failure));
  }
  if (id === "waits") {
    const route = JSON.stringify({ actors: ["prep", "late"], current: 1 });
    return Promise.resolve({ frames: [{ payload, route }] });
  }
  return Promise.resolve({ frames: id === "parts" ? [{ payload }, { payload }] : [{ payload }] });
};

const settings = readSidecarSettings({
  ASYA_ACTOR_NAME: "prep",
  ASYA_TRANSPORT: "sqlite",
  ASYA_CONCURRENCY: "4",
  ASYA_QUEUE_RETRY_BACKOFF: "1ms",
  ASYA_QUEUE_RETRY_MAX_ATTEMPTS: "3",
  ASYA_RESILIENCY_POLICIES: '{"quick":{"maxAttempts":2,"initialDelay":"1ms"}}',
  ASYA_RESILIENCY_RULES: '[{"errors":["Once"],"policy":"quick"}]',
});
const log = createLogger({ level: "error", write: () => undefined });

/** Runs a sidecar until it dies or has nothing left to do. */
async function run(path: string, at: number, when: DyingMoment): Promise<number> {
  const transport = openSqliteTransport({ path, log });
  const queue = new DyingQueue(transport.queue("prep"), at, when);
  const working = functionHandler(4, handler);
  const sidecar = startSidecar({ settings, queue, handler: working, log });
  let died = false;
  sidecar.done.catch((error) => died = error instanceof Killed);
  const idle = async () => {
    const { ready, inFlight = 0, delayed = 0 } = await queue.depth("prep");
    return died || ready + inFlight + delayed === 0;
  };
  try {
    await until(idle, "the end of a run");
    await sidecar.drain(0).catch((error) => assert.ok(error instanceof Killed));
  } finally {
    await working.close();
    await transport.close();
  }
  return queue.steps;
}

/** What the queues hold at the end: how often each id came to each actor. */
async function harvest(path: string): Promise<Map<string, number>> {
  const transport = openSqliteTransport({ path, log });
  const found = new Map<string, number>();
  const note = (key: string) => found.set(key, (found.get(key) ?? 0) + 1);
  try {
    for (const actor of ["infer", "error-end"]) {
      const queue = transport.queue(actor);
      const { ready } = await queue.depth(actor);
      let left = ready;
      const signal = AbortSignal.timeout(10_000);
      if (left === 0) continue;
      for await (const delivery of queue.receive({ prefetch: () => left, signal })) {
        note(`${actor} ${JSON.parse(new TextDecoder().decode(delivery.body)).id}`);
        if (--left === 0) break;
      }
    }
    const letters = await transport.queue("prep").deadLetters("prep").list(10);
    for (const { body } of letters) note(`dead ${body.length}`);
  } finally {
    await transport.close();
  }
  return found;
}

async function scenario(at: number, when: DyingMoment) {
  const dir = await Deno.makeTempDir({ prefix: "asya-crash-" });
  const path = `${dir}/queue.db`;
  try {
    const transport = openSqliteTransport({ path, log });
    const queue = transport.queue("prep");
    for (const actor of ["prep", "infer", "error-end"]) await queue.declare(actor);
    await queue.send(INPUTS.map((text) => ({ actor: "prep", body: bytes(text), messageId: "m" })));
    await transport.close();
    const steps = await run(path, at, when);
    await run(path, Infinity, when);
    return { steps, found: await harvest(path) };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const EXPECTED = [
  "dead 100000",
  "error-end bad",
  "error-end waits",
  "infer again",
  "infer parts",
  "infer parts-1",
  "infer plain",
];

Deno.test("startSidecar() loses nothing wherever it is killed, and ids stay the same", async () => {
  const whole = await scenario(Infinity, "before");
  assert.deepEqual([...whole.found.keys()].sort(), EXPECTED);
  assert.ok([...whole.found.values()].every((count) => count === 1));
  assert.ok(whole.steps >= 9);
  for (const when of MOMENTS) {
    for (let at = 1; at <= whole.steps; at++) {
      const { found } = await scenario(at, when);
      assert.deepEqual([...found.keys()].sort(), EXPECTED, `killed ${when} step ${at}`);
    }
  }
});
