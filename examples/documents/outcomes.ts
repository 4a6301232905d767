/** Reads what became of documents from the result files of the end actors, and waits for the last one. */

import { type Envelope, FANOUT_HEADER, parseEnvelope } from "@asya/envelope";
import { ResultFolder } from "@asya/crew";

/** One finished envelope: a section that went through, or an error. */
export interface Outcome {
  readonly envelope: Envelope;
  readonly failed: boolean;
  // deno-lint-ignore no-explicit-any -- the payload is whatever the pipeline's handlers made
  readonly payload: any;
  readonly file: string;
}

/** What the pipeline's report says of one document. */
export interface DocumentReport {
  readonly doc: string;
  readonly sections: number;
  readonly email: number;
  readonly phone: number;
  readonly key: number;
  readonly reviewed: number;
  readonly failed: number;
}

async function readOutcome(results: ResultFolder, id: string): Promise<Outcome | undefined> {
  for (const actor of ["happy-end", "error-end"]) {
    const file = results.path(actor, id);
    try {
      const envelope = parseEnvelope(await Deno.readFile(file));
      const payload = JSON.parse(new TextDecoder().decode(envelope.payload));
      return { envelope, payload, file, failed: actor === "error-end" };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/** The ids of an envelope and its siblings of the first fan-out. */
function family(outcome: Outcome): string[] {
  const { id, parentId } = outcome.envelope;
  const fanout = outcome.envelope.headers?.get(FANOUT_HEADER);
  if (fanout === undefined) return [id];
  const root = parentId ?? id;
  const { count } = JSON.parse(fanout) as { count: number };
  return Array.from({ length: count }, (_, index) => index === 0 ? root : `${root}-${index}`);
}

/**
 * All outcomes of the given document envelopes so far, and what is missing. A result never changes:
 * with the same `known` on every look each file is read once.
 */
export async function collect(
  results: ResultFolder,
  ids: readonly string[],
  known = new Map<string, Outcome>(),
): Promise<{ outcomes: Outcome[]; missing: string[] }> {
  const outcomes: Outcome[] = [];
  const missing: string[] = [];
  const find = async (id: string) => {
    const outcome = known.get(id) ?? await readOutcome(results, id);
    if (outcome) known.set(id, outcome);
    return outcome;
  };
  for (const id of ids) {
    // Any member of a family tells how many there are; the first child is often done before frame 0.
    const first = await find(id) ?? await find(`${id}-1`);
    for (const member of first ? family(first) : [id]) {
      const outcome = await find(member);
      if (outcome) outcomes.push(outcome);
      else missing.push(member);
    }
  }
  return { outcomes, missing };
}

/** Adds up the outcomes of each document, in the order in which documents first appear. */
export function report(outcomes: readonly Outcome[]): DocumentReport[] {
  const rows = new Map<string, DocumentReport>();
  for (const { payload, failed } of outcomes) {
    const doc: string = (failed ? payload.original_payload : payload).doc;
    const row = rows.get(doc) ??
      { doc, sections: 0, email: 0, phone: 0, key: 0, reviewed: 0, failed: 0 };
    const found = failed ? { email: 0, phone: 0, key: 0 } : payload.redactions;
    rows.set(doc, {
      doc,
      sections: row.sections + (failed ? 0 : 1),
      email: row.email + found.email,
      phone: row.phone + found.phone,
      key: row.key + found.key,
      reviewed: row.reviewed + (payload.review ? 1 : 0),
      failed: row.failed + (failed ? 1 : 0),
    });
  }
  return [...rows.values()];
}
