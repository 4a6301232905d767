/** What sidecars and crew report about envelopes: read, checked, applied to the store. */

import { EnvelopeError, isEnvelopeId, type JsonText } from "@asya/envelope";
import { z } from "zod";
import { cancelled } from "./envelopes/cancel.ts";
import { type NewChild, newChild, registered } from "./envelopes/create.ts";
import { type FinalReport, finished } from "./envelopes/final.ts";
import {
  partialResult,
  progressed,
  type ProgressReport,
  recalled,
  WEIGHTS,
} from "./envelopes/progress.ts";
import { type Change, type EnvelopeRecord, happenedAt } from "./envelopes/record.ts";
import type { Outcome, Store } from "./store/store.ts";

/** Longest text that is kept of a message or an error, in characters. */
const MAX_TEXT = 4_096;
/** Longest piece of a partial result, in characters. */
const MAX_PARTIAL = 64 * 2 ** 10;

/** Why a child is cancelled. */
export const PARENT_CANCELLED = "the envelope that it was split off is cancelled";

/** A report's members, each as it was written. */
export type ReportMembers = ReadonlyMap<string, JsonText>;

const id = z.string().refine(isEnvelopeId, {
  error: "1 to 256 bytes of well-formed text expected",
});
const text = z.string().transform((value) => value.slice(0, MAX_TEXT).toWellFormed());
const actors = z.array(z.string().min(1).max(256)).max(1000);
const index = z.int().min(0).max(1000);
/** Milliseconds since 1970; `NaN` for a text that is no time. */
const time = z.string().transform((text) => Date.parse(text));

/** The members that are looked at. */
export const progressSchema = z.object({
  parent_id: id.nullish(),
  timestamp: time.nullish(),
  attempt: z.int().min(1).nullish(),
  status: z.enum(Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[]),
  actors: actors.nullish(),
  current_actor_idx: index.nullish(),
  message: text.nullish(),
  duration_ms: z.number().min(0).nullish(),
});

/** The members that are looked at. */
export const finalSchema = z.object({
  timestamp: time.nullish(),
  status: z.enum(["succeeded", "failed"]),
  parent_id: id.nullish(),
  error: text.nullish(),
  actors: actors.nullish(),
  current_actor_idx: index.nullish(),
  current_actor_name: text.nullish(),
});

/** The members that are looked at. */
export const childSchema = z.object({
  id,
  parent_id: id.nullish(),
  parent_actor_idx: index.nullish(),
  timestamp: time.nullish(),
  actors: actors.min(1),
  current: index.nullish(),
});

/** Members that are passed on as text and never parsed. */
const RAW: ReadonlySet<string> = new Set([
  "result",
  "error_details",
  "original_payload",
  "payload",
]);

/** Checks the members that are looked at. @throws EnvelopeError msg_parsing_error naming each mistake */
function read<T>(schema: z.ZodType<T>, members: ReportMembers): T {
  const plain: Record<string, unknown> = {};
  for (const [name, json] of members) if (!RAW.has(name)) plain[name] = JSON.parse(json);
  const parsed = schema.safeParse(plain);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((i) => `${i.path.join(".") || "body"}: ${i.message}`);
  throw new EnvelopeError("msg_parsing_error", problems.slice(0, 10).join("; "));
}

/** The members of `object` that are neither `undefined` nor `null`. */
type Present<T> = { [K in keyof T]?: NonNullable<T[K]> };
function present<T extends object>(object: T): Present<T> {
  const entries = Object.entries(object).filter(([, value]) =>
    value !== undefined && value !== null
  );
  return Object.fromEntries(entries) as Present<T>;
}

function rawMember(members: ReportMembers, name: string): JsonText | undefined {
  const json = members.get(name);
  return json === "null" ? undefined : json;
}

/** A report of an envelope, and the parent's id where it is a child. */
interface Reported<T> {
  readonly report: T;
  readonly parentId: string | undefined;
}

/** @throws EnvelopeError msg_parsing_error */
export function readProgress(members: ReportMembers): Reported<ProgressReport> {
  const progress = read(progressSchema, members);
  const { status, actors, message, attempt, timestamp: at } = progress;
  const report = {
    status,
    actorIdx: progress.current_actor_idx ?? 0,
    ...present({ actors, message, attempt, at, durationMs: progress.duration_ms }),
  };
  return { report, parentId: progress.parent_id ?? undefined };
}

/** @throws EnvelopeError msg_parsing_error */
export function readFinal(members: ReportMembers): Reported<FinalReport> {
  const final = read(finalSchema, members);
  const failed = final.status === "failed";
  const report = {
    status: final.status,
    ...present({
      result: failed ? rawMember(members, "result") : members.get("result"),
      error: final.error,
      errorDetails: rawMember(members, "error_details"),
      failedInput: members.get("original_payload"),
      at: final.timestamp,
      actors: final.actors,
      actorIdx: final.current_actor_idx,
      actorName: final.current_actor_name,
    }),
  };
  return { report, parentId: final.parent_id ?? undefined };
}

/** What became of a report. */
export type Applied =
  | { readonly kind: "applied"; readonly record: EnvelopeRecord }
  /** The envelope's state is final; nothing was altered. */
  | { readonly kind: "final"; readonly record: EnvelopeRecord }
  | { readonly kind: "unknown" };

function toApplied(outcome: Outcome | undefined): Applied {
  if (outcome === undefined) return { kind: "unknown" };
  return { kind: outcome.changed ? "applied" : "final", record: outcome.record };
}

/** Applies reports to a store. */
export class Reports {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * A progress report. Of an id that is not known but whose parent is, it creates the child.
   *
   * @param late what to do when the state is final: nothing, as for a sidecar of 0.1.x, or keep it
   * as history
   * @throws EnvelopeError msg_parsing_error, StoreUnavailable
   */
  async progress(id: string, members: ReportMembers, late: "refuse" | "keep"): Promise<Applied> {
    const { report: read, parentId } = readProgress(members);
    const report = { ...read, advanced: late === "refuse" };
    return await this.#apply(id, parentId, { ...report, current: report.actorIdx }, (record) => {
      const change = progressed(record, report, this.#now());
      return change ?? (late === "keep" ? recalled(record, report, this.#now()) : undefined);
    });
  }

  /**
   * A final report. Of an id that is not known but whose parent is, it creates the child.
   *
   * @throws EnvelopeError msg_parsing_error, StoreUnavailable
   */
  async final(id: string, members: ReportMembers): Promise<Applied> {
    const { report, parentId } = readFinal(members);
    const finish = (record: EnvelopeRecord) => finished(record, report, this.#now());
    return await this.#apply(id, parentId, { ...report, current: 0 }, finish);
  }

  /** Changes an envelope, or creates it where its parent is known: reports overtake each other. */
  async #apply(
    id: string,
    parentId: string | undefined,
    o: { readonly actors?: readonly string[]; readonly current: number; readonly at?: number },
    decide: (record: EnvelopeRecord) => Change | undefined,
  ): Promise<Applied> {
    const outcome = await this.#store.change(id, decide);
    if (outcome !== undefined || parentId === undefined) return toApplied(outcome);
    const parent = await this.#store.head(parentId);
    if (parent === undefined) return { kind: "unknown" };
    const { actors = parent.actors, current } = o;
    const createdAt = happenedAt(o.at, this.#now());
    const child = newChild({ id, actors, current, createdAt }, parent);
    const change = this.#endWith(parent, child) ?? decide(child) as Change; // it is open
    if (await this.#store.create(change, "null")) return { kind: "applied", record: change.record };
    return toApplied(await this.#store.change(id, decide)); // it was registered meanwhile
  }

  /**
   * Registers a fan-out child that its sidecar publishes itself; doing it twice changes nothing.
   *
   * @throws EnvelopeError msg_parsing_error, StoreUnavailable
   */
  async child(members: ReportMembers): Promise<Applied & { readonly id: string }> {
    const { id, parent_id, parent_actor_idx, timestamp, actors, current } = read(
      childSchema,
      members,
    );
    const parent = parent_id ? await this.#store.head(parent_id) : undefined;
    if (parent_id && parent === undefined) return { id, kind: "unknown" };
    const child: NewChild = {
      id,
      actors,
      current: current ?? 0,
      createdAt: happenedAt(timestamp ?? undefined, this.#now()),
      ...present({ parentActorIdx: parent_actor_idx }),
    };
    const record = newChild(child, parent);
    const change = this.#endWith(parent, record) ?? { record };
    if (await this.#store.create(change, "null")) {
      return { id, kind: "applied", record: change.record };
    }
    const outcome = await this.#store.change(id, (found) => registered(found, child, parent));
    return { id, kind: "applied", record: outcome?.record ?? record };
  }

  /** What is split off a cancelled envelope is cancelled too. */
  #endWith(parent: EnvelopeRecord | undefined, child: EnvelopeRecord): Change | undefined {
    if (parent?.state !== "cancelled") return undefined;
    return cancelled(child, this.#now(), PARENT_CANCELLED);
  }

  /** @throws EnvelopeError msg_parsing_error, StoreUnavailable */
  async partial(id: string, members: ReportMembers): Promise<Applied> {
    const payload = members.get("payload");
    if (payload === undefined || payload.length > MAX_PARTIAL) {
      const message = `a partial report has a payload of at most ${MAX_PARTIAL} characters`;
      throw new EnvelopeError("msg_parsing_error", message);
    }
    return toApplied(
      await this.#store.change(id, (record) => partialResult(record, payload, this.#now())),
    );
  }
}
