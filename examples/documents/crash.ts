/** The demo's second half: what is left when processes are killed while they work. */

import { ResultFolder } from "@asya/crew";
import {
  awaitCount,
  awaitOutcomes,
  countResults,
  PIPELINE,
  readDocuments,
  ROOT,
  send,
} from "./pipeline.ts";
import { collect } from "./outcomes.ts";
import type { Page } from "./page.ts";

/** Documents are sent this many times over, so that there is a middle to be killed in. */
const ROUNDS = 30;

interface Running {
  readonly url: string;
  readonly resultsDir: string;
  readonly pids: Readonly<Record<string, number>>;
  readonly process: Deno.ChildProcess;
}

/** Starts the pipeline in a process of its own, which can be killed. */
async function start(): Promise<Running> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `--config=${ROOT}deno.json`,
      `${PIPELINE}/crash_child.ts`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the pipeline's process ended before it was ready");
    text += value;
  }
  await reader.cancel();
  return { ...JSON.parse(text), process };
}

/** Sends many documents, kills the scorer, kills everything, starts again, and answers how many were lost. */
export async function crash(files: readonly string[], page: Page): Promise<number> {
  const documents = await readDocuments(files);
  page.title("kill -9 in the middle");
  const first = await start();
  const before = await countResults(first.resultsDir);
  const ids: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const document of documents) ids.push(await send(first.url, document));
  }
  page.line(`${ids.length} documents are on their way through process ${first.process.pid}`);

  const done = async () => await countResults(first.resultsDir) - before;
  await awaitCount(first.resultsDir, before + ids.length / 8);
  Deno.kill(first.pids["scorer"]!, "SIGKILL");
  page.line(`killed the scorer, process ${first.pids["scorer"]}, after ${await done()} results`);
  await awaitCount(first.resultsDir, await countResults(first.resultsDir) + ids.length / 2);
  first.process.kill("SIGKILL");
  await first.process.status;
  const { missing } = await collect(new ResultFolder(first.resultsDir), ids);
  page.line(
    `killed the whole process after ${await done()} results; ${missing.length} families were open`,
  );

  const second = await start();
  page.line(`started again as process ${second.process.pid}`);
  const { outcomes, missing: lost } = await awaitOutcomes(second.resultsDir, ids);
  second.process.kill("SIGTERM");
  await second.process.status;
  const failed = outcomes.filter((outcome) => outcome.failed).length;
  page.title("Result");
  page.line(
    `${outcomes.length} envelopes accounted for: ` +
      `${outcomes.length - failed} succeeded, ${failed} at error-end (the poison document)`,
  );
  page.line(`lost ${lost.length}`);
  return lost.length;
}
