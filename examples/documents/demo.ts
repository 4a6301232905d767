/**
 * `deno task demo [FILES...] [--crash]`: real documents through a pipeline of four actors, on the
 * embedded queue and store, in this process and its handlers' processes. Nothing stays behind.
 */

import { traceLines } from "@asya/cli";
import { LocalError, startLocal } from "@asya/local";
import { crash } from "./crash.ts";
import { awaitOutcomes, PIPELINE, readDocuments, send } from "./pipeline.ts";
import { report } from "./outcomes.ts";
import { type Page, terminal } from "./page.ts";

/** Answers how many envelopes were lost. */
async function demo(files: readonly string[], page: Page): Promise<number> {
  const began = performance.now();
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  const documents = await readDocuments(files);

  page.title("A pipeline of actors, each with its own queue");
  page.line(
    "splitter (Python) → redactor (WASM) → scorer (Python) → review, only where the score asks",
  );
  await using local = await disposable(startLocal({ dir: PIPELINE, port: 0 }));
  await local.ready(120_000);
  for (const { name, kind, pid } of local.actors()) {
    page.note(`${name.padEnd(10)} ${kind}${pid ? `, process ${pid}` : ""}`);
  }
  page.line(`ready after ${seconds()}; gateway ${local.url}`);

  page.title(`${documents.length} documents`);
  const sent = performance.now();
  const ids = new Map<string, string>();
  for (const document of documents) ids.set(await send(local.url, document), document.name);
  const { outcomes, missing } = await awaitOutcomes(local.resultsDir, [...ids.keys()]);
  const took = (performance.now() - sent) / 1000;

  const head = ["document", "sections", "e-mail", "phone", "key", "reviewed"];
  const rows = report(outcomes).map((row) => [
    row.doc,
    row.failed > 0 ? "failed" : row.sections,
    ...[row.email, row.phone, row.key, row.reviewed].map((count) => count || ""),
  ]);
  page.table(head, rows);

  const reviewed = outcomes.find(({ payload }) => payload.review);
  if (reviewed) {
    page.title("One envelope, hop by hop");
    const { doc, title, text, review, score } = reviewed.payload;
    page.note(`${doc}, section "${title}", id ${reviewed.envelope.id}`);
    for (const line of await traceLines(local.url, reviewed.envelope.id)) page.line(line);
    page.line(`score ${score}, so the scorer put "review" into its route: ${review.verdict}`);
    page.quote(text.split("\n").find((line: string) => /\[(key|e-mail|phone)\]/.test(line)) ?? "");
  }

  const poisoned = outcomes.find(({ failed }) => failed);
  if (poisoned) {
    page.title("The poison document");
    const { error, details } = poisoned.payload;
    page.line(`error-end: ${error}, ${details.type}: ${details.message}`);
    page.quote((details.traceback ?? "").trim());
  }

  const failed = outcomes.filter((outcome) => outcome.failed).length;
  page.title("Result");
  const each = Math.round(outcomes.length / took);
  page.line(
    `${documents.length} documents became ${outcomes.length} envelopes: ` +
      `${outcomes.length - failed} succeeded, ${failed} at error-end, ${missing.length} lost`,
  );
  page.line(
    `${took.toFixed(2)} s for all of them (${each} finished a second), ${seconds()} with the start`,
  );
  page.line(`results  ${local.resultsDir}/happy-end/`);
  page.line(`errors   ${local.resultsDir}/error-end/`);
  return missing.length;
}

/** Stops the pipeline at the end of the block, also after an error. */
async function disposable<T extends { stop(): Promise<void> }>(starting: Promise<T>) {
  const local = await starting;
  return Object.assign(local, { [Symbol.asyncDispose]: () => local.stop() });
}

const page = terminal(Deno.stdout);
const files = Deno.args.filter((argument) => !argument.startsWith("--"));
const unknown = Deno.args.filter((argument) => argument.startsWith("--") && argument !== "--crash");
if (unknown.length > 0) {
  console.error(`unknown option ${unknown[0]}; usage: deno task demo [FILES...] [--crash]`);
  Deno.exit(2);
}
try {
  const lost = await (Deno.args.includes("--crash") ? crash(files, page) : demo(files, page));
  page.line("Everything has stopped: no process is left.");
  page.title("Next");
  page.command(
    "deno task dev examples/documents",
    "keep it running, change a handler, see it reload",
  );
  page.command(
    "deno task asya call screen_document doc=a.md text='# Hi' --wait --dir examples/documents",
    "call it, with dev running",
  );
  page.command(
    "deno task demo --crash",
    "kill the scorer, then everything, and count what was lost",
  );
  Deno.exit(lost === 0 ? 0 : 1);
} catch (error) {
  if (!(error instanceof LocalError) && !(error instanceof Deno.errors.NotFound)) throw error;
  console.error(`demo: ${error.message}`);
  Deno.exit(1);
}
