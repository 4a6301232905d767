/**
 * Statements with a bound on how long they take, each a transaction of its own. Nothing depends on
 * the session, so that a lost connection can only lose what has not been answered.
 */

import { StoreUnavailable } from "../store.ts";
import type { DatabaseAddress } from "./address.ts";
import { type Client, createClient } from "./client.ts";

/** The server ends a statement after so many milliseconds. */
const STATEMENT_MS = 5_000;
/** How much later we give up on a server that does not, in milliseconds. */
const SILENCE_MS = 3_000;
/** What a statement is given: texts, numbers, and lists in PostgreSQL's own notation. */
export type Parameter = string | number | null;

/** SQLSTATE classes in which the statement is to blame: its values, a constraint. */
const STATEMENT_AT_FAULT = /^(22|23)/;

/** SQLSTATEs after which a connection is of no use; 25006: its server takes no writes any more. */
const CONNECTION_LOST = /^(08|57P|25006)/;

function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== "PostgresError") return undefined;
  return "code" in error ? String(error.code) : undefined;
}

function unavailable(cause: unknown): StoreUnavailable {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreUnavailable(`PostgreSQL cannot be used: ${why}`, { cause });
}

/** A promise's end, or an error after so many milliseconds. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer for ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A client with what it has under way. */
interface Connected {
  readonly client: Promise<Client>;
  readonly running: Set<Promise<unknown>>;
}

/** A bounded number of connections to one database. */
export class Database {
  readonly #address: DatabaseAddress;
  readonly #o: { readonly connections: number; readonly statementMs: number };
  #connected: Connected | undefined;
  readonly #ending = new Set<Promise<void>>();
  #closed = false;

  constructor(
    address: DatabaseAddress,
    { connections, statementMs = STATEMENT_MS }: { connections: number; statementMs?: number },
  ) {
    this.#address = address;
    this.#o = { connections, statementMs };
  }

  /**
   * The rows of a statement, once it is committed.
   *
   * @throws StoreUnavailable; as it is, an error that the statement's values are to blame for
   */
  async query<R>(text: string, parameters: readonly Parameter[] = []): Promise<R[]> {
    if (this.#closed) throw new StoreUnavailable("the store is closed");
    const connected = this.#connected ??= {
      client: createClient(this.#address, this.#o),
      running: new Set(),
    };
    const rows = this.#run<R>(connected.client, text, parameters);
    connected.running.add(rows);
    try {
      return await rows;
    } catch (error) {
      const state = sqlState(error);
      if (state === undefined || CONNECTION_LOST.test(state)) this.#letGo(connected);
      if (state !== undefined && STATEMENT_AT_FAULT.test(state)) throw error;
      throw unavailable(error);
    } finally {
      connected.running.delete(rows);
    }
  }

  async #run<R>(
    client: Promise<Client>,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<R[]> {
    const { sql } = await client;
    const rows = sql.unsafe(text, [...parameters], { prepare: parameters.length > 0 });
    return await within(this.#o.statementMs + SILENCE_MS, rows as unknown as Promise<R[]>);
  }

  /** The next statement gets new connections, at once: a server that is back is used at once. */
  #letGo(connected: Connected): void {
    if (this.#connected !== connected) return;
    this.#connected = undefined;
    const ended = this.#end(connected).finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  async #end({ client, running }: Connected): Promise<void> {
    await Promise.allSettled(running);
    const [made] = await Promise.allSettled([client]);
    if (made.status === "fulfilled") await made.value.end();
  }

  /** Finishes what runs; each statement has its bound. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#connected !== undefined) this.#letGo(this.#connected);
    await Promise.all(this.#ending);
  }
}
