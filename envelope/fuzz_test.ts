import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { frameFromHead, parseAnswer, parseFailure } from "./answer.ts";
import { encodeEnvelope, encodeHead } from "./encode.ts";
import type { Envelope } from "./envelope.ts";
import { errorEnvelope } from "./error_envelope.ts";
import { attempt, EnvelopeError } from "./failure.ts";
import { wrapMalformed } from "./malformed.ts";
import { cutErrorEnvelope } from "./oversize.ts";
import { parseEnvelope } from "./parse.ts";
import { routeAnswer } from "./routing.ts";
import { bytes } from "./testing.ts";

Error.stackTraceLimit = 0; // a stack costs more than the case; seed and input repeat any failure

/** Set ASYA_FUZZ_SEED to the number that a failed run printed to have the same run again. */
const SEED = Number(Deno.env.get("ASYA_FUZZ_SEED") ?? Date.now() % 2 ** 31);

/** Numbers in [0, 1) that depend on the seed alone (Mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ENVELOPES = [
  '{"id":"e-1","route":{"actors":["prep","infer"],"current":0},"payload":{"a":1}}',
  '{"id":"\\u0065-é","parent_id":"e-0","route":{"actors":["prep"],"current":1,"metadata":{"k":-0}},' +
  '"headers":{"traceparent":"00-a-b-01","n":1e400,"x-asya-hops":3,"x-asya-fanout":{"depth":2}},' +
  '"payload":[9007199254740993,"\\ud800",{"a":{},"a":[]}],"deadline":"2099-01-01T00:00:00.5+01:00",' +
  '"status":{"attempt":2,"first_attempt_at":"2026-01-01T00:00:00Z","phase":"x"},"x":[1.0, 2]}',
  ' { "route" : { "steps" : [ "a" , "b" , "c" ] } , "payload" : "\\"" , "id" : "x" , "headers" : null } ',
];

const ANSWERS = [
  '[{"payload":{"a":1},"route":{"actors":["prep","infer"],"current":1},"headers":{"a":1}}]',
  '[{"payload":1,"route":{"actors":["prep"],"current":1}},{"error":"e","details":{"message":"m"}}]',
  '[{"payload":1,"route":{"actors":["prep"],"current":0}},{"payload":2,"route":{"actors":["prep"],' +
  '"current":1},"headers":null}]',
];

const PIECES = [
  ...[
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "NaN",
    "-",
    "0",
    "1e5",
    "\\u0000",
    "\\ud800",
  ],
  ...[
    '"id":"x",',
    '"payload":1,',
    '"current":-1',
    "[".repeat(600),
    '{"a":'.repeat(600),
    "\n",
    "\0",
  ],
].map(bytes);

/** Flips, cuts, doubles, splices and nests, one to three times. */
function mutated(source: Uint8Array, corpus: readonly Uint8Array[], random: () => number) {
  const below = (limit: number) => Math.floor(random() * limit);
  let body = source;
  for (let round = below(3); round >= 0; round--) {
    const at = below(body.length + 1);
    const end = Math.min(at + below(30), body.length);
    const before = body.subarray(0, at);
    const middle = body.subarray(at, end);
    const byte = body[at] ?? 0;
    switch (below(8)) {
      case 0:
        body = Buffer.concat([before, Uint8Array.of(below(256)), body.subarray(at + 1)]);
        break;
      case 1:
        body = Buffer.concat([
          before,
          Uint8Array.of(byte ^ (1 << below(8))),
          body.subarray(at + 1),
        ]);
        break;
      case 2:
        body = before;
        break;
      case 3:
        body = Buffer.concat([before, body.subarray(end)]);
        break;
      case 4:
        body = Buffer.concat([before, middle, body.subarray(at)]);
        break;
      case 5:
        body = Buffer.concat([before, PIECES[below(PIECES.length)]!, body.subarray(at)]);
        break;
      case 6:
        body = Buffer.concat([before, corpus[below(corpus.length)]!.subarray(below(100))]);
        break;
      default:
        body = Buffer.concat([bytes("["), body, bytes("]")]);
    }
  }
  return body;
}

/** Runs a case; whatever it throws is reported with what repeats it. */
function examine(body: Uint8Array, run: () => void): void {
  try {
    run();
  } catch (cause) {
    const input = Buffer.from(body).toString("base64");
    throw new Error(`ASYA_FUZZ_SEED=${SEED}, input in base64: ${input}`, { cause });
  }
}

/** What the next hop reads; that it cannot is a failure of the case. */
const sent = (e: Envelope): Envelope => parseEnvelope(encodeEnvelope(e));

/** Everything that may become of an envelope. */
function checkEnvelope(first: Envelope): void {
  const again = sent(first);
  assert.ok(Buffer.from(again.payload).equals(Buffer.from(first.payload)));
  assert.deepEqual(again, { ...first, payload: again.payload });
  const error = errorEnvelope(again, { code: "oom_error", message: "m" });
  sent(error);
  sent(cutErrorEnvelope(error));
  const unchanged = frameFromHead(encodeHead(again), again.payload);
  for (const frame of [unchanged, { payload: again.payload }]) {
    const routed = attempt(() => routeAnswer(again, [frame], { happyEnd: "happy-end" }));
    for (const { envelope } of routed ?? []) sent(envelope);
  }
}

function checkMalformed(body: Uint8Array): void {
  try {
    parseEnvelope(body);
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    const wrapped = wrapMalformed(body, error, "prep");
    assert.ok(wrapped, "a small body can be wrapped");
    assert.equal(sent(wrapped).id, wrapped.id);
  }
}

Deno.test("parseEnvelope() throws only EnvelopeError, and what it reads goes out the same: 100,000 inputs", () => {
  console.log(`ASYA_FUZZ_SEED=${SEED}`);
  const random = generator(SEED);
  const corpus = ENVELOPES.map(bytes);
  let legal = 0;
  for (let count = 0; count < 100_000; count++) {
    const body = mutated(corpus[count % corpus.length]!, corpus, random);
    examine(body, () => {
      const e = attempt(() => parseEnvelope(body));
      if (e === undefined) return checkMalformed(body);
      legal++;
      checkEnvelope(e);
    });
  }
  assert.ok(legal > 1_000, `only ${legal} of 100,000 inputs were envelopes`);
});

Deno.test("parseAnswer() and routeAnswer() throw only EnvelopeError: 30,000 inputs", () => {
  const random = generator(SEED);
  const corpus = ANSWERS.map(bytes);
  const input = parseEnvelope(bytes(ENVELOPES[0]!));
  let routed = 0;
  let failed = 0;
  for (let count = 0; count < 30_000; count++) {
    const body = mutated(corpus[count % corpus.length]!, corpus, random);
    examine(body, () => {
      attempt(() => parseFailure(body.subarray(1, -1)));
      const answer = attempt(() => parseAnswer(body));
      if (answer === undefined) return;
      if ("failure" in answer) {
        failed++;
        sent(errorEnvelope(input, answer.failure));
        return;
      }
      const out = attempt(() => routeAnswer(input, answer.frames, { happyEnd: "happy-end" }));
      for (const { envelope } of out ?? []) sent(envelope);
      if (out) routed++;
    });
  }
  assert.ok(routed > 300 && failed > 300, `${routed} answers had frames, ${failed} an error`);
});
