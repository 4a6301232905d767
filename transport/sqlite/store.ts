/**
 * The statements, as plain synchronous functions over rows. Nothing here opens a transaction: the
 * caller does, and puts many of these calls into one.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DeadLetter, Depth } from "../queue.ts";

/** Which message is held, by whom; `token` tells this claim from a later one of the same owner. */
export interface Claim {
  readonly id: number;
  readonly owner: number;
  readonly token: number;
}

/** A claim together with the message. */
export interface Claimed extends Claim {
  readonly body: Uint8Array;
  readonly deliveries: number;
}

const CLAIM_IS = "id = ? AND owner = ? AND token = ?";

function statements(db: DatabaseSync) {
  const prepare = (sql: string): StatementSync => db.prepare(sql);
  return {
    declare: prepare("INSERT OR IGNORE INTO mq_queue (name) VALUES (?)"),
    queueId: prepare("SELECT id FROM mq_queue WHERE name = ?"),
    insert: prepare("INSERT INTO mq_message (queue, body) VALUES (?, ?)"),
    wait: prepare("INSERT INTO mq_waiting VALUES (?, ?, ?, ?)"),
    first: prepare("SELECT due FROM mq_waiting WHERE queue = ? ORDER BY due LIMIT 1"),
    firstDelayed: prepare(
      "SELECT due FROM mq_waiting WHERE queue = ? AND due > 0 ORDER BY due LIMIT 1",
    ),
    promote: prepare("UPDATE mq_waiting SET due = 0 WHERE queue = ? AND due > 0 AND due <= ?"),
    // one row a call: SQLite plans a query anew for every value of a bound LIMIT
    readyAfter: prepare(
      "SELECT w.id, w.deliveries, m.body FROM mq_waiting w JOIN mq_message m ON m.id = w.id " +
        "WHERE w.queue = ? AND w.due = 0 AND w.id > ? ORDER BY w.id LIMIT 1",
    ),
    claim: prepare("INSERT INTO mq_claim VALUES (?, ?, ?, ?, ?)"),
    unwait: prepare("DELETE FROM mq_waiting WHERE queue = ? AND due = 0 AND id <= ?"),
    holds: prepare(`SELECT queue FROM mq_claim WHERE ${CLAIM_IS}`),
    unclaim: prepare(`DELETE FROM mq_claim WHERE ${CLAIM_IS}`),
    remove: prepare("DELETE FROM mq_message WHERE id = ?"),
    giveBack: prepare(
      `INSERT INTO mq_waiting SELECT queue, 0, id, deliveries FROM mq_claim WHERE ${CLAIM_IS}`,
    ),
    bury: prepare(
      "INSERT INTO mq_dead_letter (queue, at, reason, body) " +
        "SELECT queue, ?, ?, body FROM mq_message WHERE id = ?",
    ),
    owners: prepare(
      "SELECT id, lease_until FROM mq_owner WHERE id <> ?1 UNION ALL " +
        "SELECT DISTINCT owner, 0 FROM mq_claim " +
        "WHERE owner <> ?1 AND owner NOT IN (SELECT id FROM mq_owner)",
    ),
    otherOwner: prepare("SELECT 1 FROM mq_owner WHERE id <> ? LIMIT 1"),
    lease: prepare(
      "INSERT INTO mq_owner VALUES (?, ?) " +
        "ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until",
    ),
    leaseOf: prepare("SELECT lease_until FROM mq_owner WHERE id = ?"),
    queuesOfOwner: prepare("SELECT DISTINCT queue FROM mq_claim WHERE owner = ?"),
    giveBackAll: prepare(
      "INSERT INTO mq_waiting SELECT queue, 0, id, deliveries FROM mq_claim WHERE owner = ?",
    ),
    unclaimAll: prepare("DELETE FROM mq_claim WHERE owner = ?"),
    forget: prepare("DELETE FROM mq_owner WHERE id = ?"),
    depth: prepare(
      "SELECT count(*) FILTER (WHERE due <= ?2) AS ready, " +
        "count(*) FILTER (WHERE due > ?2) AS delayed, " +
        "(SELECT count(*) FROM mq_claim WHERE queue = ?1) AS inFlight " +
        "FROM mq_waiting WHERE queue = ?1",
    ),
    letters: prepare(
      "SELECT id, at, reason, body FROM mq_dead_letter WHERE queue = ? ORDER BY id LIMIT ?",
    ),
    exhume: prepare(
      "INSERT INTO mq_message (queue, body) SELECT queue, body FROM mq_dead_letter " +
        "WHERE queue = ? AND id = ? RETURNING id",
    ),
    discard: prepare("DELETE FROM mq_dead_letter WHERE queue = ? AND id = ?"),
  };
}

/** The rows of one open database. */
export class Store {
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync) {
    this.#sql = statements(db);
  }

  declare(name: string): void {
    this.#sql.declare.run(name);
  }

  /** The number of a queue; undefined when there is none of that name. */
  queueId(name: string): number | undefined {
    const row = this.#sql.queueId.get(name);
    return row && Number(row["id"]);
  }

  /** Adds a message that is due then (0: at once); answers its queue, or undefined: no such queue. */
  add(name: string, body: Uint8Array, due: number): number | undefined {
    const queue = this.queueId(name);
    if (queue === undefined) return undefined;
    const { lastInsertRowid } = this.#sql.insert.run(queue, body);
    this.#sql.wait.run(queue, due, lastInsertRowid, 0);
    return queue;
  }

  /** When the queue's next message is due: 0 = one is ready, undefined = none waits. */
  nextDue(queue: number): number | undefined {
    const row = this.#sql.first.get(queue);
    return row && Number(row["due"]);
  }

  /** Makes ready what is due; answers when the next of the delayed ones will be. */
  promote(queue: number, now: number): number | undefined {
    const due = this.#sql.firstDelayed.get(queue)?.["due"];
    if (due === undefined || Number(due) > now) return due === undefined ? undefined : Number(due);
    this.#sql.promote.run(queue, now);
    const next = this.#sql.firstDelayed.get(queue)?.["due"];
    return next === undefined ? undefined : Number(next);
  }

  /** Claims the oldest ready messages: at most `count`, and no more once they have `bytes`. */
  claim(
    queue: number,
    limit: { count: number; bytes: number },
    owner: number,
    token: number,
  ): Claimed[] {
    const claimed: Claimed[] = [];
    let last = 0;
    for (let bytes = 0; claimed.length < limit.count && bytes < limit.bytes;) {
      const row = this.#sql.readyAfter.get(queue, last);
      if (row === undefined) break;
      const body = row["body"] as Uint8Array;
      const deliveries = Number(row["deliveries"]) + 1;
      last = Number(row["id"]);
      bytes += body.length;
      claimed.push({ id: last, owner, token, body, deliveries });
      this.#sql.claim.run(last, queue, owner, token, deliveries);
    }
    if (claimed.length > 0) this.#sql.unwait.run(queue, last);
    return claimed;
  }

  /** Whether the claim still stands. */
  holds({ id, owner, token }: Claim): boolean {
    return this.#sql.holds.get(id, owner, token) !== undefined;
  }

  /** Removes a claimed message for good. The claim must stand. */
  remove({ id, owner, token }: Claim): void {
    this.#sql.unclaim.run(id, owner, token);
    this.#sql.remove.run(id);
  }

  /** Makes a claimed message ready again; false when the claim does not stand. */
  giveBack({ id, owner, token }: Claim): boolean {
    this.#sql.giveBack.run(id, owner, token);
    return Number(this.#sql.unclaim.run(id, owner, token).changes) === 1;
  }

  /** Moves a claimed message to the dead letters. The claim must stand. */
  bury(claim: Claim, reason: string, now: number): void {
    this.#sql.bury.run(now, reason, claim.id);
    this.remove(claim);
  }

  /** Everybody else who holds claims or may come to; a lease of 0 has no owner behind it. */
  otherOwners(owner: number): { id: number; leaseUntil: number }[] {
    return this.#sql.owners.all(owner).map((row) => ({
      id: Number(row["id"]),
      leaseUntil: Number(row["lease_until"]),
    }));
  }

  hasOtherOwner(owner: number): boolean {
    return this.#sql.otherOwner.get(owner) !== undefined;
  }

  /** Until when an owner's claims stand; 0 for an unknown owner. */
  leaseOf(owner: number): number {
    return Number(this.#sql.leaseOf.get(owner)?.["lease_until"] ?? 0);
  }

  /** Registers an owner, or extends its lease. */
  lease(owner: number, until: number): void {
    this.#sql.lease.run(owner, until);
  }

  /** Gives back all that an owner holds and forgets it; answers the queues and the count. */
  dismiss(owner: number): { queues: number[]; messages: number } {
    const queues = this.#sql.queuesOfOwner.all(owner).map((row) => Number(row["queue"]));
    this.#sql.giveBackAll.run(owner);
    const messages = Number(this.#sql.unclaimAll.run(owner).changes);
    this.#sql.forget.run(owner);
    return { queues, messages };
  }

  depth(queue: number, now: number): Required<Depth> {
    const row = this.#sql.depth.get(queue, now)!;
    return {
      ready: Number(row["ready"]),
      inFlight: Number(row["inFlight"]),
      delayed: Number(row["delayed"]),
    };
  }

  deadLetters(queue: number, limit: number): DeadLetter[] {
    return this.#sql.letters.all(queue, limit).map((row) => ({
      key: String(row["id"]),
      body: row["body"] as Uint8Array,
      reason: String(row["reason"]),
      at: new Date(Number(row["at"])),
    }));
  }

  /** Makes a dead letter an ordinary message again; false when there is none of that number. */
  replay(queue: number, letter: number): boolean {
    const row = this.#sql.exhume.get(queue, letter);
    if (row === undefined) return false;
    this.#sql.wait.run(queue, 0, row["id"]!, 0);
    return this.discard(queue, letter);
  }

  discard(queue: number, letter: number): boolean {
    return Number(this.#sql.discard.run(queue, letter).changes) === 1;
  }
}
