/** A folder of actors that runs for the length of a test, and what becomes of bodies put on its queues. */

import assert from "node:assert/strict";
import { encodeId, type Envelope, parseEnvelope, scanObject } from "@asya/envelope";
import { type Local, startLocal } from "@asya/local";
import { type DeadLetter, openSqliteTransport, type Transport } from "@asya/transport";
import { project, until } from "./project.ts";

/** Longest wait for one result, on a busy machine; what is not there then never comes. */
const LIMIT_MS = 20_000;

/** Where an envelope ended. */
export interface Ended {
  readonly actor: "happy-end" | "error-end";
  readonly envelope: Envelope;
}

/** How an envelope failed, as `error-end` kept it. */
export interface Failed {
  readonly envelope: Envelope;
  readonly error: string;
  readonly details: Readonly<Record<string, string>>;
  /** The payload that it failed with, byte for byte; empty where there was none to keep. */
  readonly original: Uint8Array;
}

/** A folder that runs. */
export interface Running {
  readonly dir: string;
  readonly local: Local;
  readonly transport: Transport;
  /** Puts raw bodies on the queue of an actor; durable when it resolves. */
  put(actor: string, ...bodies: readonly Uint8Array[]): Promise<void>;
  /** What either end actor keeps of an id, once one does. */
  ended(id: string): Promise<Ended>;
  /** What `happy-end` keeps of an id, once it does. */
  result(id: string): Promise<Envelope>;
  /** What `error-end` keeps of an id, once it does. */
  failed(id: string): Promise<Failed>;
  /** The first dead letter of an actor, once there is one. */
  deadLetter(actor: string): Promise<DeadLetter>;
  /** Fails unless the actors take a good envelope, all is ready, and no queue keeps anything. */
  stillGood(...actors: readonly string[]): Promise<void>;
}

/** Starts a folder with these files, waits until it is ready, uses it, stops it, removes it. */
export async function running(
  files: Readonly<Record<string, string>>,
  use: (running: Running) => Promise<void>,
): Promise<void> {
  await using folder = await project(files);
  await runningIn(folder.dir, use);
}

/** The same with a folder that exists and stays. */
export async function runningIn(
  dir: string,
  use: (running: Running) => Promise<void>,
): Promise<void> {
  await using local = await startLocal({ dir, port: 0 });
  await local.ready(60_000); // the compiler of AssemblyScript may have to be downloaded
  const transport = openSqliteTransport({ path: `${dir}/.asya/asya.db` });
  try {
    await use(tools(local, transport));
  } finally {
    await transport.close();
  }
}

function tools(local: Local, transport: Transport): Running {
  const ended = async (id: string): Promise<Ended> => {
    let found: Ended | undefined;
    await until(`an end actor keeps ${id}`, async () => {
      for (const actor of ["happy-end", "error-end"] as const) {
        const body = await readIfThere(`${local.resultsDir}/${actor}/${encodeId(id)}.json`);
        if (body) found = { actor, envelope: parseEnvelope(body) };
      }
      return found !== undefined;
    }, LIMIT_MS);
    return found!;
  };
  const put = async (actor: string, ...bodies: readonly Uint8Array[]) => {
    const queue = transport.queue(actor);
    const out = bodies.map((body, n) => ({ actor, body, messageId: `${n}` }));
    const results = await queue.send(out);
    await queue.close();
    assert.deepEqual(results, bodies.map(() => ({ ok: true })));
  };
  const deadLetter = async (actor: string) => {
    let letter: DeadLetter | undefined;
    await until(`a dead letter of ${actor}`, async () => {
      [letter] = await local.deadLetters(actor).list(1);
      return letter !== undefined;
    }, LIMIT_MS);
    return letter!;
  };
  const stillGood = async (...actors: readonly string[]) => {
    for (const actor of actors) {
      const id = await local.send([actor], '"good"');
      await until(`${actor} answers`, () => exists(local, id), LIMIT_MS);
    }
    for (const { name } of local.actors()) {
      const queue = transport.queue(name);
      await until(`the queue of ${name} is empty`, async () => {
        const { ready, inFlight, delayed } = await queue.depth(name);
        return ready + inFlight! + delayed! === 0;
      }, LIMIT_MS);
      await queue.close();
    }
    await local.ready(LIMIT_MS);
  };
  return {
    dir: local.dir,
    local,
    transport,
    put,
    deadLetter,
    stillGood,
    ended,
    async result(id) {
      const { actor, envelope } = await ended(id);
      assert.equal(actor, "happy-end", new TextDecoder().decode(envelope.payload).slice(0, 5_000));
      return envelope;
    },
    async failed(id) {
      const { actor, envelope } = await ended(id);
      assert.equal(actor, "error-end");
      return readFailed(envelope);
    },
  };
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function exists(local: Local, id: string): Promise<boolean> {
  return await readIfThere(`${local.resultsDir}/happy-end/${id}.json`) !== undefined;
}

/** An error as `error-end` keeps it. */
export function readFailed(envelope: Envelope): Failed {
  const { payload } = envelope;
  const members = new Map(
    scanObject(payload).map(({ name, start, end }) => [name, payload.subarray(start, end)]),
  );
  const text = (name: string) => new TextDecoder().decode(members.get(name));
  return {
    envelope,
    error: JSON.parse(text("error")),
    details: JSON.parse(text("details")),
    original: members.get("original_payload") ?? new Uint8Array(),
  };
}

/** Text stands for its UTF-8. */
export type Bytes = string | Uint8Array;

/** The bytes of texts and bytes, one after the other. */
export function bytes(...parts: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const all = parts.map((part) => typeof part === "string" ? encoder.encode(part) : part);
  const joined = new Uint8Array(all.reduce((length, { length: more }) => length + more, 0));
  let at = 0;
  for (const part of all) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** An actor whose handler is AssemblyScript, built by the folder that it runs in. */
export function wasmActor(name: string, file: string, more = ""): string {
  return `---
apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata: { name: ${name} }
spec:
  transport: rabbitmq
  handler:
    wasm: { module: { file: ${file} }${more && `, ${more}`} }
`;
}

/** AssemblyScript that answers with what it is given. */
export const WASM_ECHO = `import { input, output } from "asya";
export function handle(): void {
  output(input());
}
`;
