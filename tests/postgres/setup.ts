/** A PostgreSQL of the test's own, to be killed, and stores in it. */

import { createLogger } from "@asya/telemetry";
import { newCall } from "../../gateway/envelopes/create.ts";
import { progressed } from "../../gateway/envelopes/progress.ts";
import type { EnvelopeRecord } from "../../gateway/envelopes/record.ts";
import { openPostgresStore } from "../../gateway/store/postgres.ts";
import type { Store } from "../../gateway/store/store.ts";
import { findPostgres } from "../../tools/services/find_postgres.ts";

const found = await findPostgres();

/** A test that starts servers of its own; skipped, saying why, where there can be none. */
export function test(name: string, body: () => Promise<void>): void {
  const missing = typeof found === "string";
  Deno.test({ name: missing ? `${name} (${found})` : name, ignore: missing }, body);
}

/** A store that is closed at the end of its block, and what it logged. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
  readonly logged: string[];
}

/** Opens a store. */
export async function openStore(url: string): Promise<OpenedStore> {
  const logged: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => logged.push(line) });
  const store = await openPostgresStore(url, { log });
  return { store, logged, [Symbol.asyncDispose]: () => store.close() };
}

/** A change that adds an envelope. */
export function call(id: string) {
  return { record: newCall({ id, actors: ["prep"], now: 1_000, publishAfter: 5_000 }) };
}

/** A change that adds an update. */
export function step(record: EnvelopeRecord) {
  return progressed(record, { status: "processing", actorIdx: 0 }, 2_000);
}

/** Waits for a condition. @throws Error after 30 seconds */
export async function until(what: string, condition: () => unknown): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One of each thing that a store does. */
export function everything(store: Store): (() => Promise<unknown>)[] {
  return [
    () => store.create(call(crypto.randomUUID()), "1"),
    () => store.head("a"),
    () => store.get("a"),
    () => store.change("a", step),
    () => store.updates("not remembered", 0, 10),
    () => store.claimUnpublished({ now: 0, until: 1, limit: 1 }),
    () => store.overdue(0, 1),
  ];
}
