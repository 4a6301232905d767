/** What a runtime may leave out: partial results, metrics, batches. */

import type { Case, Scene } from "../case.ts";
import { type Answer, envelope1, failureOf, framesOf, onlyFrame } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { jsonOf, textOf, TYPE } from "../wire.ts";

function streams(name: string, run: Case["run"]): Case {
  return { capability: "streaming", name, setup: { handler: "partials" }, run };
}

export const STREAMING: readonly Case[] = [
  streams("tells stream: true in WELCOME", async (scene) => {
    expectSame((await scene.caller()).welcome.stream, true, "stream");
  }),
  streams("sends partial results in order, numbered upwards, before its frames", async (scene) => {
    const caller = await scene.caller();
    const answer = await caller.call('{"n":5,"ms":0}');
    const bodies = answer.partials.map((one) => jsonOf(textOf(one.body)));
    expectSame(bodies, [0, 1, 2, 3, 4].map((i) => ({ i })), "partial results");
    const seqs = answer.partials.map((one) => Number(one.head.seq));
    const rising = seqs.every((seq, at) =>
      Number.isSafeInteger(seq) && seq >= (seqs[at - 1] ?? -1) + 1
    );
    expect(rising, "seq as rising integers from 0 on", seqs);
    expectSame(jsonOf(textOf(onlyFrame(answer).body)), { n: 5 }, "the result");
  }),
  streams("sends each partial result when it is there, not at the end", async (scene) => {
    const caller = await scene.caller();
    const { arrivals } = await caller.call('{"n":4,"ms":150}');
    const first = arrivals.find((one) => one.type === TYPE.PARTIAL)?.ms ?? Infinity;
    const last = arrivals.at(-1)!.ms;
    expect(
      last - first >= 300,
      "300 ms between the first and END",
      `${Math.round(last - first)} ms`,
    );
  }),
  streams("does not count partial results in END", async (scene) => {
    const caller = await scene.caller();
    expectSame((await caller.call('{"n":3,"ms":0}')).frames.length, 1, "frames");
    expectSame((await caller.call('{"n":0,"ms":0}')).partials.length, 0, "partial results");
  }),
  streams("numbers each call's partial results by itself", async (scene) => {
    const caller = await scene.caller();
    const first = await caller.call('{"n":2,"ms":0}');
    const second = await caller.call('{"n":2,"ms":0}');
    const seqs = (answer: Answer) => answer.partials.map((one) => one.head.seq);
    expectSame(seqs(second), seqs(first), "the numbers of the first call");
  }),
  {
    ...streams("leaves partial results out of version 1", async (scene) => {
      const frames = framesOf(await scene.exchange1(envelope1('{"n":3,"ms":0}')));
      expectSame(frames.map((frame) => frame.payload), [{ n: 3 }], "payloads");
    }),
    needs: "version 1",
  },
];

function meters(name: string, run: Case["run"]): Case {
  return { capability: "metrics", name, setup: { handler: "meter" }, run };
}

/** The `tokens` metric of an answer. */
function tokens(answer: Answer): unknown {
  const { metrics } = answer;
  if (!Array.isArray(metrics)) return undefined;
  return metrics.find((one) => one?.name === "tokens");
}

export const METRICS: readonly Case[] = [
  meters("reports a handler's metric in END as {name, value, labels}", async (scene) => {
    const caller = await scene.caller();
    const { value, labels } = (tokens(await caller.call('{"tokens":42}')) ?? {}) as Record<
      string,
      unknown
    >;
    expectSame([value, labels], [42, { model: "m" }], "value and labels");
  }),
  meters("reports the metrics of a call with that call alone", async (scene) => {
    const caller = await scene.caller();
    for (const n of [1, 2.5, 3]) {
      const answer = await caller.call(`{"tokens":${n}}`);
      expectSame((answer.metrics as unknown[]).length, 1, "metrics");
      expectSame((tokens(answer) as { value: number }).value, n, "value");
    }
  }),
  {
    ...meters("keeps the metrics of calls at once apart", async (scene) => {
      const callers = await Promise.all(Array.from({ length: 4 }, () => scene.caller()));
      await Promise.all(callers.map(async (caller, c) => {
        for (let i = 0; i < 10; i++) {
          const answer = await caller.call(`{"tokens":${c * 100 + i}}`);
          expectSame((tokens(answer) as { value: number }).value, c * 100 + i, "value");
        }
      }));
    }),
    setup: { handler: "meter", env: { ASYA_CONCURRENCY: "4" } },
  },
  {
    ...meters("leaves metrics out of version 1, which has no place for them", async (scene) => {
      const frames = framesOf(await scene.exchange1(envelope1('{"tokens":7}')));
      const route = { actors: ["prep", "infer"], current: 1 };
      expectSame(frames, [{ payload: { tokens: 7 }, route }], "frames");
    }),
    needs: "version 1",
  },
];

const BATCH = {
  handler: "batch",
  env: { ASYA_CONCURRENCY: "8", ASYA_BATCH_SIZE: "4", ASYA_BATCH_WAIT: "1s" },
};

function batches(name: string, run: Case["run"]): Case {
  return { capability: "batching", name, setup: BATCH, run };
}

/** Calls at once, on connections of their own; their answers, in order. */
async function together(scene: Scene, payloads: readonly string[]): Promise<Answer[]> {
  const callers = await Promise.all(payloads.map(() => scene.caller()));
  return await Promise.all(callers.map((caller, i) => caller.call(payloads[i]!)));
}

function resultOf(answer: Answer): unknown {
  return jsonOf(textOf(onlyFrame(answer).body));
}

export const BATCHING: readonly Case[] = [
  batches("hands as many calls as a batch holds over as one list", async (scene) => {
    const answers = await together(scene, [0, 1, 2, 3].map((i) => `{"i":${i}}`));
    expectSame(answers.map(resultOf), [0, 1, 2, 3].map((i) => ({ is: { i }, of: 4 })), "results");
  }),
  batches("does not wait when the batch is full", async (scene) => {
    const began = performance.now();
    await together(scene, [0, 1, 2, 3].map((i) => `{"i":${i}}`));
    const took = performance.now() - began;
    expect(took < 900, "less than the wait of 1 s", `${Math.round(took)} ms`);
  }),
  batches("hands a call that stays alone over after the wait", async (scene) => {
    const caller = await scene.caller();
    const began = performance.now();
    expectSame(resultOf(await caller.call('{"i":9}')), { is: { i: 9 }, of: 1 }, "the result");
    const took = performance.now() - began;
    expect(took >= 900 && took < 3_000, "about 1 s", `${Math.round(took)} ms`);
  }),
  batches("never hands over more than a batch holds", async (scene) => {
    const answers = await together(scene, [0, 1, 2, 3, 4, 5].map((i) => `{"i":${i}}`));
    for (const [i, answer] of answers.entries()) {
      const { is, of } = resultOf(answer) as { is: unknown; of: number };
      expectSame(is, { i }, "the payload");
      expect(of <= 4, "at most 4", of);
    }
  }),
  batches("fails an item alone", async (scene) => {
    const answers = await together(scene, ['{"i":0}', '{"fail":"this one"}', '{"i":2}', '{"i":3}']);
    const { details } = failureOf(answers[1]!, "processing_error");
    expect(String(details.message).includes("this one"), "the item's message", details);
    for (const i of [0, 2, 3]) expectSame(resultOf(answers[i]!), { is: { i }, of: 4 }, "result");
  }),
  batches("fails a payload that cannot be read alone", async (scene) => {
    const answers = await together(scene, ['{"i":0}', '{"i":', '{"i":2}', '{"i":3}']);
    failureOf(answers[1]!, "msg_parsing_error");
    for (const i of [0, 2, 3]) {
      expectSame((resultOf(answers[i]!) as { is: unknown }).is, { i }, "item");
    }
  }),
  batches("makes each call alone when a batch fails as a whole", async (scene) => {
    const answers = await together(scene, ['{"i":0}', '{"raise":"all"}', '{"i":2}', '{"i":3}']);
    failureOf(answers[1]!, "processing_error");
    for (const i of [0, 2, 3]) expectSame(resultOf(answers[i]!), { is: { i }, of: 1 }, "result");
  }),
  batches("fails all when the handler answers a list of another length", async (scene) => {
    const answers = await together(scene, ['{"i":0}', '{"short":true}', '{"i":2}', '{"i":3}']);
    for (const answer of answers) failureOf(answer, "processing_error");
    expectSame(
      resultOf((await together(scene, ['{"i":1}']))[0]!),
      { is: { i: 1 }, of: 1 },
      "result",
    );
  }),
];
