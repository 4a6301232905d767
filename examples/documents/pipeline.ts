/** The demo's view of its pipeline: which files go in, how they are sent, how to wait for them. */

import { basename } from "node:path";
import { ResultFolder } from "@asya/crew";
import { collect, type Outcome } from "./outcomes.ts";

/** The root of the project. */
export const ROOT = new URL("../../", import.meta.url).pathname;
/** The folder with the pipeline's manifests and handlers. */
export const PIPELINE = `${ROOT}examples/documents`;

/** A document to send. */
export interface Document {
  readonly name: string;
  readonly text: string;
}

async function markdownIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isFile && entry.name.endsWith(".md")) files.push(`${folder}/${entry.name}`);
  }
  return files.sort();
}

/** The given files, or the inbox and the project's own documentation. */
export async function readDocuments(files: readonly string[]): Promise<Document[]> {
  const paths = files.length > 0 ? files : [
    ...await markdownIn(`${ROOT}examples/inbox`),
    ...await markdownIn(ROOT),
    ...await markdownIn(`${ROOT}docs`),
  ];
  return await Promise.all(
    paths.map(async (path) => ({ name: basename(path), text: await Deno.readTextFile(path) })),
  );
}

/** Calls the gateway's tool with one document; answers the envelope's id. */
export async function send(url: string, { name, text }: Document): Promise<string> {
  const response = await fetch(`${url}/tools/call`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "screen_document", arguments: { doc: name, text } }),
  });
  const answer = await response.json();
  if (!response.ok || answer.isError) {
    throw new Error(`the gateway refused ${name}: ${JSON.stringify(answer)}`);
  }
  return JSON.parse(answer.content[0].text).envelope_id;
}

/**
 * Looks after each change in the results, or once a second, until it has seen what it waits for
 * or `limitMs` have passed; answers what it saw last.
 */
async function watch<T>(
  resultsDir: string,
  look: () => Promise<T>,
  enough: (seen: T) => boolean,
  limitMs: number,
): Promise<T> {
  await Deno.mkdir(resultsDir, { recursive: true });
  const deadline = performance.now() + limitMs;
  using watcher = Deno.watchFs(resultsDir);
  const changes = watcher[Symbol.asyncIterator]();
  let change = changes.next();
  for (;;) {
    const seen = await look();
    if (enough(seen) || performance.now() > deadline) return seen;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const second = new Promise<void>((resolve) => timer = setTimeout(resolve, 1000));
    await Promise.race([second, change.then(() => change = changes.next())]);
    clearTimeout(timer);
  }
}

/** Waits until every envelope that came of the given ones is at an end actor; says which are not. */
export function awaitOutcomes(
  resultsDir: string,
  ids: readonly string[],
  limitMs = 60_000,
): Promise<{ outcomes: Outcome[]; missing: string[] }> {
  const results = new ResultFolder(resultsDir);
  const known = new Map<string, Outcome>();
  const look = () => collect(results, ids, known);
  return watch(resultsDir, look, ({ missing }) => missing.length === 0, limitMs);
}

/** Waits until the end actors have kept at least `count` results. */
export function awaitCount(resultsDir: string, count: number): Promise<number> {
  return watch(resultsDir, () => countResults(resultsDir), (seen) => seen >= count, 60_000);
}

/** How many result files there are. */
export async function countResults(resultsDir: string): Promise<number> {
  let count = 0;
  for (const actor of ["happy-end", "error-end"]) {
    try {
      for await (const entry of Deno.readDir(`${resultsDir}/${actor}`)) {
        if (entry.name.endsWith(".json")) count++;
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return count;
}
