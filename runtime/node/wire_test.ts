/**
 * Replays exchanges recorded from version 0.1.1, whose handlers say the same in JavaScript. What
 * was compatible must be answered alike; what was a defect, as in REMEDIES.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Engine, start, testEach } from "./testing.ts";

const FIXTURE = new URL("../../tests/fixtures/wire/runtime-v1.json", import.meta.url);

interface Case {
  readonly name: string;
  readonly env: { readonly source: string; readonly mode: string; readonly validation: boolean };
  readonly request_frame_base64: string;
  readonly response_frame_base64: string | null;
  readonly half_close?: boolean;
  readonly defect?: string;
}

interface Failure {
  readonly error: string;
  readonly details: { readonly message: string; readonly type: string };
}

/** Handlers by the name of a case that they are for, and of all others with the same source. */
const HANDLERS: Readonly<Record<string, string>> = {
  "echo-object": "(payload) => payload",
  "single-transform": "({ a, b }) => ({ sum: a + b, ok: true, none: null })",
  "fanout-tuple": '() => [{ i: 1 }, "two", 3]',
  "fanout-single-element": "(payload) => [payload]",
  "result-none": "() => null",
  "result-empty-list": "() => []",
  "result-falsy-scalars": '() => [0, false, "", 0.0]',
  "lone-surrogate-in-result": '() => "\\udfff"',
  "result-nan": "() => ({ x: NaN })",
  "all-fields-fanout": "() => [1, 2]",
  "envelope-advance": "(e) => (e.route.current++, e)",
  "envelope-unchanged-current": "(e) => e",
  "envelope-truncate-future-actors":
    '() => ({ payload: 1, route: { actors: ["prep"], current: 1 } })',
  "envelope-prefix-erased": '() => ({ payload: 1, route: { actors: ["infer"], current: 0 } })',
  "envelope-prefix-changed-in-place": '(e) => (e.route.actors[0] = "other", e.route.current++, e)',
  "envelope-headers-null": "(e) => (e.route.current++, e.headers = null, e)",
  "envelope-id-not-string": "(e) => (e.route.current++, e.id = 7, e)",
  "envelope-missing-payload": "(e) => ({ route: e.route })",
  "envelope-missing-route": "() => ({ payload: 1 })",
  "envelope-empty-dict": "() => ({})",
  "envelope-returns-string": '() => "abc"',
  "envelope-returns-anything-no-validation": '() => [5, "abc", { error: "mine" }, null]',
  "envelope-current-negative": "(e) => (e.route.current = -1, e)",
  "envelope-actors-empty": "(e) => (e.route = { actors: [], current: 0 }, e)",
};

const { cases } = JSON.parse(Deno.readTextFileSync(FIXTURE)) as { cases: readonly Case[] };

function failsWith(code: string, message: RegExp) {
  return (answer: unknown) => {
    const [{ error, details }] = answer as [Failure];
    assert.equal(error, code);
    assert.match(details.message, message);
  };
}

const NOT_JSON = failsWith("processing_error", /^the handler's result is not JSON: /);
const NO_ENVELOPE = failsWith(
  "msg_parsing_error",
  /^Missing required field 'payload' in envelope$/,
);
const passes = (...expected: unknown[]) => (answer: unknown) => assert.deepEqual(answer, expected);

/** What is done instead of a defect, or because a number or a word of this language is another. */
const REMEDIES: Readonly<Record<string, (answer: unknown) => void>> = {
  "number-1e400-in": NOT_JSON,
  "big-integer-5000-digits": NOT_JSON,
  "result-nan": NOT_JSON,
  "duplicate-keys": failsWith("msg_parsing_error", /^Duplicate field 'payload' in envelope$/),
  "all-fields-envelope-mode": (answer) => {
    const [frame] = answer as [Record<string, unknown>];
    assert.deepEqual([frame.status, frame.x_unknown, frame.parent_id], [
      { phase: "running", attempt: 1 },
      [1, 2],
      "e-0",
    ]);
  },
  "envelope-unchanged-current": passes(
    { id: "e-1", payload: { a: 1 }, route: { actors: ["prep", "infer"], current: 0 } },
  ),
  "envelope-prefix-changed-in-place": failsWith(
    "processing_error",
    /Input route had \['prep'\] \(actors 0-0\), but output route starts with \['other'\]/,
  ),
  "validation-legacy-steps": passes({ payload: 1, route: { actors: ["prep"], current: 1 } }),
  "validation-current-true": failsWith(
    "msg_parsing_error",
    /^Field 'route.current' must be an int/,
  ),
  "no-validation-no-payload": failsWith("processing_error", /^Missing required field 'payload' in/),
  "no-validation-no-route": failsWith("processing_error", /^Missing required field 'route' in/),
  "validation-current-huge": failsWith(
    "msg_parsing_error",
    /^Invalid route.current=\d{30}: out of bounds for actors of length 1$/,
  ),
  "request-number": NO_ENVELOPE,
  "request-null": NO_ENVELOPE,
  "request-array-of-names": NO_ENVELOPE,
  "request-string-with-names": NO_ENVELOPE,
  // How deep is too deep differs between engines; an answer comes from each.
  "deep-nesting-900": (answer) => assert(Array.isArray(answer)),
  "deep-nesting-5000": (answer) => assert(Array.isArray(answer)),
};

/** Parses JSON, leaving integers that a number cannot hold as text. */
function parse(text: string): unknown {
  const string = /"(?:[^"\\]|\\.)*"/.source;
  const quoted = (found: string) => found.startsWith('"') ? found : `"${found}"`;
  return JSON.parse(text.replace(new RegExp(`${string}|-?\\d{16,}`, "g"), quoted));
}

function check({ name, response_frame_base64 }: Case, text: string): void {
  const remedy = REMEDIES[name];
  if (remedy) return remedy(JSON.parse(text));
  const known = Buffer.from(response_frame_base64!, "base64").subarray(4).toString();
  const [recorded] = parse(known) as [Failure | undefined];
  if (typeof recorded?.details !== "object") return assert.deepEqual(parse(text), parse(known));
  const [{ error, details }] = parse(text) as [Failure];
  assert.equal(error, recorded.error, text);
  // Other types are Python's own words.
  const { message, type } = recorded.details;
  if (["ValueError", "ConnectionError"].includes(type)) {
    assert.deepEqual([details.message, details.type], [message, type]);
  }
}

async function replay(engine: Engine, group: readonly Case[], handler: string): Promise<void> {
  const { mode, validation } = group[0]!.env;
  const env = { ASYA_HANDLER_MODE: mode, ASYA_ENABLE_VALIDATION: String(validation) };
  const files = { "handler.mjs": `export default ${handler};\n` };
  await using running = await start(engine, "./handler.mjs", env, files);
  for (const recorded of group) {
    const peer = await running.peer();
    peer.write(Buffer.from(recorded.request_frame_base64, "base64"));
    if (recorded.half_close) peer.socket.end();
    const answer = await peer.rest();
    assert(answer.length > 4, `${recorded.name}: no answer`);
    assert.equal(answer.readUInt32BE(0), answer.length - 4);
    try {
      check(recorded, answer.subarray(4).toString());
    } catch (cause) {
      throw new Error(`${recorded.name}: ${cause}`, { cause });
    }
  }
}

testEach("recorded version 1 requests are answered as 0.1.1 did, or better", async (engine) => {
  const sources = new Map(
    Object.entries(HANDLERS).map(([name, handler]) => {
      const { env } = cases.find((recorded) => recorded.name === name)!;
      return [env.source, handler];
    }),
  );
  const known = cases.filter(({ env }) => sources.has(env.source));
  const groups = Map.groupBy(known, ({ env }) => JSON.stringify(env)).values();
  let replayed = 0;
  const work = async () => {
    for (const group of groups) {
      await replay(engine, group, sources.get(group[0]!.env.source)!);
      replayed += group.length;
    }
  };
  await Promise.all([work(), work()]);
  assert(replayed > 80, String(replayed));
});
