/** What the conformance suite needs of a transport under test, and the words its cases are told in. */

import type { Delivery, Outgoing, Queue, Transport } from "../queue.ts";

/** A fresh broker (or a corner of one that nobody else uses) and one connection to it. */
export interface Subject {
  readonly transport: Transport;
  /** Another connection to the same broker, as another process would have. */
  readonly reopen: () => Promise<Transport>;
  /** The settings with which a child process opens the same broker. */
  readonly env: Readonly<Record<string, string>>;
  /** Has the broker give away what `transport` holds, as if it had hung or been cut off. */
  readonly seize: () => Promise<void>;
  /** How long a broker that waits for signs of life waits, in ms, where it is short enough to test. */
  readonly leaseMs?: number;
  /** Removes everything; the suite has closed `transport` and what it reopened. */
  readonly remove: () => Promise<void>;
}

/** Makes a {@linkcode Subject}; `shortLease` asks for the shortest `leaseMs` that works. */
export type OpenSubject = (options: { shortLease: boolean }) => Promise<Subject>;

/** What a case needs that not every transport has. */
export interface CaseOptions {
  /** A broker that waits for signs of life, with the shortest `leaseMs` that works. */
  readonly lease?: boolean;
  /** A broker that keeps messages in order. */
  readonly order?: boolean;
}

/** Adds a case: a promise, and the proof that it is kept. */
export type Define = (
  promise: string,
  prove: (bench: Bench) => Promise<void>,
  options?: CaseOptions,
) => void;

/** A subject that closes what a case opens. */
export interface Bench extends Subject {
  /** The queue of an actor, declared. */
  readonly queue: (actor: string) => Promise<Queue>;
}

/** Longest wait for anything, in ms. */
export const PATIENCE_MS = 20_000;

/** Runs one case on a subject of its own. */
export async function runCase(
  open: OpenSubject,
  prove: (bench: Bench) => Promise<void>,
  { lease: shortLease = false }: CaseOptions,
): Promise<void> {
  const subject = await open({ shortLease });
  const opened: Transport[] = [subject.transport];
  const bench: Bench = {
    ...subject,
    queue: async (actor) => {
      const queue = subject.transport.queue(actor);
      await queue.declare(actor);
      return queue;
    },
    reopen: async () => {
      const transport = await subject.reopen();
      opened.push(transport);
      return transport;
    },
  };
  try {
    await prove(bench);
  } finally {
    for (const transport of opened) await transport.close();
    await subject.remove();
  }
}

/** A message of a few letters. */
export function message(actor: string, text: string, delayMs?: number): Outgoing {
  const body = new TextEncoder().encode(text);
  return { actor, body, messageId: text, ...(delayMs === undefined ? {} : { delayMs }) };
}

/** What a message says. */
export function textOf({ body }: { readonly body: Uint8Array }): string {
  return new TextDecoder().decode(body);
}

/** Sends texts to an actor, all of which must arrive on the queue. */
export async function put(queue: Queue, actor: string, ...texts: string[]): Promise<void> {
  const results = await queue.send(texts.map((text) => message(actor, text)));
  for (const result of results) if (!result.ok) throw result.error;
}

/** Fails when `work` takes longer than anybody would wait. */
export async function soon<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new Error(`${what}: not within ${PATIENCE_MS} ms`);
    timer = setTimeout(() => reject(error), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until a condition holds, looking every few milliseconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Receives so many deliveries and then no more; they are left to be settled. */
export async function take(queue: Queue, count: number): Promise<Delivery[]> {
  const stop = new AbortController();
  const taken: Delivery[] = [];
  const receive = async () => {
    for await (const delivery of queue.receive({ prefetch: () => count, signal: stop.signal })) {
      if (taken.push(delivery) === count) stop.abort();
    }
    return taken;
  };
  return await soon(receive(), `${count} deliveries`).finally(() => stop.abort());
}

/** Receives and settles so many messages; answers their texts. */
export async function drain(queue: Queue, count: number): Promise<string[]> {
  const deliveries = await take(queue, count);
  await Promise.all(deliveries.map((delivery) => queue.complete(delivery, [])));
  return deliveries.map(textOf);
}

/** Takes the one delivery that there must be. */
export async function takeOne(queue: Queue): Promise<Delivery> {
  const [delivery] = await take(queue, 1);
  return delivery!;
}
