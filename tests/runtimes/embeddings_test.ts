/** examples/embeddings: a real model as an actor, alone in a pod and under `dev`. */

import assert from "node:assert/strict";
import { startLocal } from "@asya/local";
import { project, resultAt, until } from "../project.ts";
import { type Json, Pod } from "./pod.ts";
import { venvWith } from "./venv.ts";

const EXAMPLE = new URL("../../examples/embeddings", import.meta.url).pathname;
const FILES = ["actors.yaml", "tools.yaml", "embedder.py", "minilm.py"];
const venv = await venvWith(`${EXAMPLE}/requirements.txt`);
const python = "python" in venv ? venv.python : "";
const why = "reason" in venv ? ` (skipped: ${venv.reason})` : "";
const ignore = python === "";

/** What the model's authors publish for this sentence: the first of 384 numbers. */
const SENTENCE = "This is an example sentence";
const PUBLISHED = [0.0676569, 0.0634959, 0.0487131, 0.0793049, 0.0374480];

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, at) => sum + x * b[at]!, 0);
}

/** The value of one variable in the example's manifest. */
async function customMetrics(): Promise<string> {
  const text = await Deno.readTextFile(`${EXAMPLE}/actors.yaml`);
  const json = /value: \|\n(.*?)\n {2}handler:/s.exec(text)?.[1];
  return JSON.stringify(JSON.parse(json!));
}

Deno.test({
  name:
    `examples/embeddings gathers calls into batches, fails a bad one alone, tells its metrics${why}`,
  ignore,
  fn: async () => {
    await using pod = await Pod.start({
      python,
      env: {
        PYTHONPATH: EXAMPLE,
        ASYA_HANDLER: "embedder.Embedder.embed",
        ASYA_BATCH_SIZE: "8",
        ASYA_BATCH_WAIT: "500ms",
        ASYA_CONCURRENCY: "8",
        ASYA_CUSTOM_METRICS: await customMetrics(),
      },
    });
    await pod.ready();
    const texts = [
      SENTENCE,
      "A cat sleeps on the sofa",
      "A kitten naps on the couch",
      "Shares fell after the bank's report",
    ];
    const good = texts.map((text, at) => ({ id: `e-${at}`, payload: { text } }));
    await pod.send(...good, { id: "bad", payload: { words: 1 } });
    const failed = await pod.take("error-end");
    assert.deepEqual([failed.id, failed.payload.details.type], ["bad", "ValueError"]);
    const answers = new Map<string, Json>();
    while (answers.size < texts.length) {
      const { id, payload } = await pod.take("next");
      answers.set(id, payload);
    }
    const [example, cat, kitten, shares] = texts.map((_, at) => answers.get(`e-${at}`).embedding);
    assert.equal(example.length, 384);
    for (const [at, value] of PUBLISHED.entries()) {
      assert.ok(Math.abs(example[at] - value) < 1e-4, `${example[at]} is ${value}`);
    }
    assert.ok(dot(cat, kitten) > 0.5 && dot(cat, shares) < 0.2, "near is near, far is far");
    assert.equal(answers.get("e-1").text, texts[1], "what came stays");

    const batches = await pod.metric("batch_texts_count");
    assert.ok(batches! < texts.length, `${texts.length} texts in ${batches} batches`);
    assert.equal(await pod.metric("batch_texts_sum"), texts.length);
    assert.ok((await pod.metric("tokens_total"))! >= 4 * 7);
    assert.ok((await pod.metric("inference_seconds_sum"))! > 0);
  },
});

Deno.test({
  name: `examples/embeddings runs under \`dev\` as it is${why}`,
  ignore,
  fn: async () => {
    const files = FILES.map(async (name) => [name, await Deno.readTextFile(`${EXAMPLE}/${name}`)]);
    await using folder = await project(Object.fromEntries(await Promise.all(files)));
    const env = { ...Deno.env.toObject(), ASYA_PYTHON: python };
    await using local = await startLocal({ dir: folder.dir, port: 0, env });
    await local.ready();
    assert.deepEqual(local.tools(), ["embed"]);
    const id = await local.send(["embedder"], JSON.stringify({ text: SENTENCE }));
    const result = () => resultAt(folder.dir, "happy-end", id);
    await until("the embedding is kept", async () => await result().then(() => true, () => false));
    const { text, embedding } = JSON.parse(new TextDecoder().decode((await result()).payload));
    assert.equal(text, SENTENCE);
    assert.ok(Math.abs(embedding[0] - PUBLISHED[0]!) < 1e-4);
  },
});
