/** Exchanges recorded from the sidecar of Asya 0.1.1, as far as they need no queue and no clock. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { parseAnswer } from "./answer.ts";
import { encodeEnvelope } from "./encode.ts";
import type { Envelope } from "./envelope.ts";
import { errorEnvelope } from "./error_envelope.ts";
import { EnvelopeError } from "./failure.ts";
import { withoutHeader } from "./headers.ts";
import { wrapMalformed } from "./malformed.ts";
import { malformedId } from "./names.ts";
import { parseEnvelope } from "./parse.ts";
import { currentActor } from "./route.ts";
import { routeAnswer } from "./routing.ts";
import { bytes, text } from "./testing.ts";

interface Case {
  readonly name: string;
  readonly actor: string;
  readonly end_actor?: boolean;
  readonly input_body?: string;
  readonly input_body_base64?: string;
  readonly runtime_reply: unknown;
  readonly outputs: readonly { readonly queue: string; readonly body: string }[];
  readonly note?: string;
  readonly defect?: string;
}

interface Output {
  readonly queue: string;
  // deno-lint-ignore no-explicit-any -- compared with recorded JSON of any form
  readonly body: any;
}

const { cases } = JSON.parse(
  await Deno.readTextFile(new URL("../tests/fixtures/wire/sidecar-v1.json", import.meta.url)),
) as { cases: readonly Case[] };

function inputOf(one: Case): Uint8Array {
  const { input_body: body, input_body_base64: base64 } = one;
  return body === undefined ? Buffer.from(base64!, "base64") : bytes(body);
}

function output(actor: string, e: Envelope): Output {
  const own = ["x-asya-hops", "x-asya-fanout"].reduce(withoutHeader, e);
  return { queue: `asya-${actor}`, body: JSON.parse(text(encodeEnvelope(own))) };
}

/** What a sidecar sends, put together from this room's functions. */
function handle(one: Case): Output[] {
  const body = inputOf(one);
  let input: Envelope;
  try {
    input = parseEnvelope(body);
  } catch (error) {
    assert.ok(error instanceof EnvelopeError);
    return [output("error-end", wrapMalformed(body, error, one.actor)!)];
  }
  try {
    if (currentActor(input) !== one.actor) throw new EnvelopeError("route_error", "wrong actor");
    const answer = parseAnswer(bytes(String(one.runtime_reply)));
    if ("failure" in answer) return [output("error-end", errorEnvelope(input, answer.failure))];
    return routeAnswer(input, answer.frames, { happyEnd: "happy-end" })
      .map(({ actor, envelope }) => output(actor, envelope));
  } catch (error) {
    assert.ok(error instanceof EnvelopeError);
    const failure = { code: error.code, message: error.message };
    return [output("error-end", errorEnvelope(input, failure))];
  }
}

/** Whether a case is decided by what this room has; others need a process, a clock or a gateway. */
function isPure({ name, end_actor, runtime_reply: reply }: Case): boolean {
  return !end_actor && !name.startsWith("gateway-") &&
    (reply === null || typeof reply === "string");
}

/** Where 0.1.1 has free text in `error` and no details, ours has a code and its own words. */
function withoutWords({ queue, body }: Output): Output {
  if (typeof body.payload?.error !== "string") return { queue, body };
  const { error: _, details: __, ...payload } = body.payload;
  return { queue, body: { ...body, payload } };
}

const CODES: ReadonlySet<string> = new Set(["processing_error", "msg_parsing_error", "my_code"]);

/** What 0.1.1 let through as far as the route check or the handler, and is no envelope by contract. */
const STRICTER: ReadonlySet<string> = new Set([
  "input-current-negative",
  "input-actors-empty",
  "input-payload-missing-error",
]);

const sound = cases.filter((one) => isPure(one) && one.defect === undefined);
const defects = new Map(
  cases.filter((one) => isPure(one) && one.defect !== undefined).map((one) => [one.name, one]),
);

for (const one of sound) {
  Deno.test(`routeAnswer() and its neighbours do what was recorded: ${one.name}`, () => {
    const recorded = one.outputs.map(({ queue, body }) => ({ queue, body: JSON.parse(body) }));
    const ours = handle(one);
    if (STRICTER.has(one.name)) return hasOwnId(ours, one);
    if (recorded.every(({ body }) => !body.payload?.error || CODES.has(body.payload.error))) {
      return assert.deepEqual(ours, recorded);
    }
    assert.deepEqual(ours.map(withoutWords), recorded.map(withoutWords));
    for (const { body } of ours) {
      assert.match(body.payload.error, /^(processing|route)_error$/);
      assert.ok(body.payload.details.message);
    }
  });
}

const WHOLE = ["parent_id", "headers", "deadline", "x_unknown"] as const;

/** What we do where the recorded behaviour is wrong. */
const INSTEAD: Readonly<Record<string, (outputs: Output[], one: Case) => void>> = {
  "fanout-of-child": ([first, second]) => {
    assert.deepEqual([first?.body.id, first?.body.parent_id], ["e-1-1", "e-1"]);
    assert.deepEqual([second?.body.id, second?.body.parent_id], ["e-1-1-1", "e-1-1"]);
  },
  "fanout-second-lineage": (_, one) => {
    const marked = { ...parseEnvelope(inputOf(one)), headers: new Map([["x-asya-fanout", "{}"]]) };
    const again = handle({ ...one, input_body: text(encodeEnvelope(marked)) });
    assert.match(again[1]?.body.id, /^e-1-1-[0-9a-f]{8}$/);
  },
  "all-fields-fanout": (outputs, one) => {
    const input = JSON.parse(one.input_body!);
    for (const [index, { body }] of outputs.entries()) {
      const parent = index === 0 ? input.parent_id : input.id;
      const expected = WHOLE.map((name) => name === "parent_id" ? parent : input[name]);
      assert.deepEqual(WHOLE.map((name) => body[name]), expected);
      assert.deepEqual(body.route, { ...input.route, current: 1 });
    }
  },
  "all-fields-error": ([sent], one) => {
    const { status: _, payload, ...input } = JSON.parse(one.input_body!);
    const { payload: error, ...rest } = sent!.body;
    assert.deepEqual(rest, input);
    assert.deepEqual(error.original_payload, payload);
  },
  "all-fields-empty-reply": ([sent], one) => {
    const { status: _, ...body } = JSON.parse(one.input_body!);
    assert.deepEqual(sent, { queue: "asya-happy-end", body });
  },
  "error-unknown-code-and-members": ([sent]) => {
    const { error, details } = sent!.body.payload;
    assert.deepEqual([error, details], ["my_code", { message: "m", mro: ["Exception"], extra: 1 }]);
  },
  "mixed-ok-error-ok": (outputs) => {
    assert.deepEqual(outputs.map(({ queue }) => queue), ["asya-error-end"]);
  },
  "input-legacy-steps": (_, one) => {
    assert.deepEqual(parseEnvelope(inputOf(one)).route.actors, ["prep", "infer"]);
  },
  "input-number-fidelity-error": (_, one) => {
    const error = errorEnvelope(parseEnvelope(inputOf(one)), { code: "e", message: "m" });
    const original = '{"n":12345678901234567890123, "f":1.0, "t":"<&>"}';
    assert.ok(text(error.payload).endsWith(`"original_payload":${original}}`));
  },
  "loop-unchanged-current": (_, one) => {
    const input = { ...parseEnvelope(inputOf(one)), headers: new Map([["x-asya-hops", "1000"]]) };
    const [sent] = handle({ ...one, input_body: text(encodeEnvelope(input)) });
    assert.deepEqual([sent?.queue, sent?.body.payload.error], ["asya-error-end", "route_error"]);
  },
  "input-actors-not-text": hasOwnId,
  "input-headers-array": hasOwnId,
  "input-keys-upper-case": hasHashId,
};

function hasOwnId([sent]: Output[], one: Case): void {
  assert.deepEqual([sent?.queue, sent?.body.id], ["asya-error-end", "e-1"]);
  assert.equal(sent?.body.payload.error, "msg_parsing_error");
  assert.deepEqual(sent?.body.payload.original_payload, JSON.parse(one.input_body!));
}

function hasHashId([sent]: Output[], one: Case): void {
  assert.equal(sent?.queue, "asya-error-end");
  assert.equal(sent.body.id, malformedId(inputOf(one)));
  const { details, original_payload: original } = sent.body.payload;
  if (original === undefined) {
    assert.deepEqual(Buffer.from(details.body_base64, "base64"), Buffer.from(inputOf(one)));
  } else assert.deepEqual(original, JSON.parse(one.input_body!));
}

/** The code that the defect's text asks for, where that is all. */
function answersWithCode([sent]: Output[], one: Case): void {
  const [code] = /(processing|route)_error/.exec(one.defect!) ?? [];
  assert.deepEqual([sent?.queue, sent?.body.payload.error], ["asya-error-end", code]);
  assert.deepEqual(sent?.body.payload.original_payload, JSON.parse(one.input_body!).payload);
}

for (const [name, one] of defects) {
  Deno.test(`routeAnswer() and its neighbours do not repeat a defect: ${name}`, () => {
    const byKind = name.startsWith("reply-") ? answersWithCode : hasHashId;
    (INSTEAD[name] ?? byKind)(handle(one), one);
  });
}

Deno.test("the recorded exchanges are there", () => {
  assert.ok(sound.length >= 25 && defects.size >= 20, `${sound.length} and ${defects.size}`);
  for (const name of Object.keys(INSTEAD)) assert.ok(defects.has(name), name);
});
