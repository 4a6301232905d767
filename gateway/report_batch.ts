/** Many reports in one request, and what the sidecar should know in return. */

import { EnvelopeError, scanArray } from "@asya/envelope";
import { readObject } from "./json.ts";
import type { Applied, ReportMembers, Reports } from "./reports.ts";

/** Reports in one batch. */
const MAX_REPORTS = 1_000;

/** The answer to a batch. */
export interface BatchAnswer {
  /** Somebody wants these to stop. */
  readonly cancelled: readonly string[];
  /** These ids are not known here (nor is their parent). */
  readonly unknown: readonly string[];
  /** Reports that are wrong in themselves; repeating them is no use. */
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
}

function malformed(message: string): EnvelopeError {
  return new EnvelopeError("msg_parsing_error", message);
}

function apply(reports: Reports, id: string, members: ReportMembers): Promise<Applied> {
  switch (members.get("kind")) {
    case '"progress"':
      return reports.progress(id, members, "keep");
    case '"child"':
      return reports.child(members);
    case '"final"':
      return reports.final(id, members);
    case '"partial"':
      return reports.partial(id, members);
    default:
      throw malformed("kind must be progress, child, final or partial");
  }
}

interface Entry {
  readonly index: number;
  readonly members: ReportMembers;
}

/** Entries by envelope, each in the order of the batch. */
function byId(elements: readonly Uint8Array[], refuse: (index: number, error: unknown) => void) {
  const groups = new Map<string, Entry[]>();
  elements.forEach((element, index) => {
    try {
      const members = readObject(element);
      const id: unknown = JSON.parse(members.get("id") ?? "null");
      if (typeof id !== "string" || id === "") throw malformed("id must be a non-empty text");
      const group = groups.get(id) ?? [];
      groups.set(id, group);
      group.push({ index, members });
    } catch (error) {
      refuse(index, error);
    }
  });
  return groups;
}

/**
 * Applies a batch. Reports of one envelope are applied in their order; a bad one does not stop the
 * others. Progress of an envelope that is final already becomes part of its history, as batches may
 * arrive in any order; nothing else of it changes.
 *
 * @param body `{"reports": [{"id", "kind": "progress" | "child" | "final" | "partial", ...}]}`
 * @throws EnvelopeError msg_parsing_error where the body as a whole is wrong; StoreUnavailable, and
 * some of the reports may have been applied: repeat the whole batch
 */
export async function applyBatch(reports: Reports, body: Uint8Array): Promise<BatchAnswer> {
  const list = readObject(body).get("reports");
  if (list === undefined) throw malformed('the body must be {"reports": [...]}');
  const elements = scanArray(new TextEncoder().encode(list), { maxItems: MAX_REPORTS });
  const cancelled = new Set<string>();
  const unknown = new Set<string>();
  const refused: { index: number; reason: string }[] = [];
  const refuse = (index: number, error: unknown) => {
    if (!(error instanceof EnvelopeError)) throw error;
    refused.push({ index, reason: error.message });
  };
  const groups = byId(elements, refuse);
  await Promise.all(Array.from(groups, async ([id, entries]) => {
    for (const { index, members } of entries) {
      try {
        const applied = await apply(reports, id, members);
        if (applied.kind === "unknown") unknown.add(id);
        else if (applied.record.state === "cancelled") cancelled.add(id);
      } catch (error) {
        refuse(index, error);
      }
    }
  }));
  return { cancelled: [...cancelled], unknown: [...unknown], refused };
}
