import assert from "node:assert/strict";
import {
  encodeEnvelope,
  type Envelope,
  EnvelopeError,
  type Failure,
  type Frame,
  parseEnvelope,
} from "@asya/envelope";
import {
  decideAnswer,
  decideBefore,
  decideCrash,
  decideFailure,
  decideMalformed,
  limitOf,
} from "./decide.ts";
import type { Plan, SendPlan } from "./plan.ts";
import { readSidecarSettings, type SidecarSettings } from "./settings.ts";
import { bytes, envelope, type Json } from "./test_stage.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const MOMENT = { now: NOW, startedAt: NOW - 10, random: () => 0.5 };

function rules(env: Record<string, string> = {}): SidecarSettings {
  return readSidecarSettings({ ASYA_ACTOR_NAME: "prep", ASYA_TRANSPORT: "sqlite", ...env });
}

function input(more: object = {}): Envelope {
  return parseEnvelope(bytes(envelope({ a: 1 }, more)));
}

function json(e: Envelope): Json {
  return JSON.parse(new TextDecoder().decode(encodeEnvelope(e)));
}

function sent(plan: Plan | undefined): SendPlan {
  assert.equal(plan?.kind, "send");
  return plan as SendPlan;
}

function frames(...payloads: string[]): Frame[] {
  return payloads.map((payload) => ({ payload: bytes(payload) }));
}

/** What a plan does, in short: result, then type, actor and error code of each sending. */
function summary(plan: Plan | undefined): string {
  if (plan === undefined) return "call";
  if (plan.kind !== "send") return plan.kind;
  const sends = plan.sends.map(({ type, actor, envelope }) => {
    const error = json(envelope).payload?.error;
    return `${type}>${actor}${error === undefined ? "" : `:${error}`}`;
  });
  return [plan.result, ...sends].join(" ");
}

const RETRY = {
  ASYA_RESILIENCY_POLICIES: JSON.stringify({
    default: { maxAttempts: 2, backoff: "constant", initialDelay: "1s", jitter: false },
    away: { maxAttempts: 1, onExhausted: ["repair"] },
  }),
  ASYA_RESILIENCY_RULES: '[{"errors":["Broken"],"policy":"away"}]',
};
const END = { ASYA_IS_END_ACTOR: "true", ASYA_ACTOR_NAME: "happy-end" };

Deno.test("decideBefore() calls the handler for an envelope whose turn it is, and only then", () => {
  const rows: [string, object, Record<string, string>, string][] = [
    ["its turn", {}, {}, "call"],
    ["in time", { deadline: "2026-01-01T00:00:01Z" }, {}, "call"],
    [
      "too late",
      { deadline: "2026-01-01T00:00:00Z" },
      {},
      "error error_end>error-end:deadline_exceeded",
    ],
    ["another's turn", { route: { actors: ["x"] } }, {}, "error error_end>error-end:route_error"],
    [
      "finished",
      { route: { actors: ["prep"], current: 1 } },
      {},
      "error error_end>error-end:route_error",
    ],
    ["at the hop budget", { headers: { "x-asya-hops": 1000 } }, {}, "call"],
    [
      "over the hop budget",
      { headers: { "x-asya-hops": 6 } },
      { ASYA_MAX_HOPS: "5" },
      "error error_end>error-end:route_error",
    ],
    [
      "waits for a queue",
      { route: { actors: ["prep", "late"], current: 1 }, headers: { "x-asya-forward": "late" } },
      {},
      "success routing>late",
    ],
    [
      "waits for happy-end",
      { headers: { "x-asya-forward": "happy-end" } },
      {},
      "success happy_end>happy-end",
    ],
    [
      "waited too long",
      { headers: { "x-asya-forward": "late" }, deadline: "2025-01-01T00:00:00Z" },
      {},
      "error error_end>error-end:deadline_exceeded",
    ],
    [
      "waits for nobody",
      { headers: { "x-asya-forward": "No/Name" } },
      {},
      "error error_end>error-end:route_error",
    ],
    [
      "end actors take everything",
      { route: { actors: ["x"], current: 1 }, deadline: "2020-01-01T00:00:00Z" },
      END,
      "call",
    ],
  ];
  for (const [name, more, env, expected] of rows) {
    assert.equal(summary(decideBefore(input(more), rules(env), NOW)), expected, name);
  }
});

Deno.test("decideBefore() forwards without the header and with the count of looks", () => {
  const status = { attempt: 3, first_attempt_at: "2025-12-31T00:00:00Z" };
  const waiting = input({ headers: { "x-asya-forward": "late", k: 1 }, status });
  const [send] = sent(decideBefore(waiting, rules(), NOW)).sends;
  assert.equal(send!.misses, 2);
  const { headers, status: left } = json(send!.envelope);
  assert.deepEqual(headers, { k: 1 });
  assert.equal(left, undefined);
});

Deno.test("decideAnswer() follows the contract's table", () => {
  const rows: [string, Frame[], object, string][] = [
    ["one frame", frames("1"), {}, "success routing>infer"],
    ["last hop", frames("1"), { route: { actors: ["prep"] } }, "success happy_end>happy-end"],
    ["fan-out", frames("1", "2"), {}, "success routing>infer routing>infer"],
    ["no frame", [], {}, "empty_response happy_end>happy-end"],
    [
      "route changed behind",
      [{ payload: bytes("1"), route: '{"actors":["other"],"current":1}' }],
      {},
      "error error_end>error-end:processing_error",
    ],
    [
      "route out of bounds",
      [{ payload: bytes("1"), route: '{"actors":["prep"],"current":9}' }],
      {},
      "error error_end>error-end:route_error",
    ],
    [
      "hops used up",
      frames("1"),
      { headers: { "x-asya-hops": 1000 } },
      "error error_end>error-end:route_error",
    ],
    [
      "fan-outs too deep",
      frames("1", "2"),
      { headers: { "x-asya-fanout": { depth: 8 } } },
      "error error_end>error-end:resource_limit",
    ],
  ];
  for (const [name, answered, more, expected] of rows) {
    assert.equal(
      summary(decideAnswer(input(more), { frames: answered }, rules(), MOMENT)),
      expected,
      name,
    );
  }
});

Deno.test("decideAnswer() gives the children of a second fan-out ids of their own", () => {
  const ids = (e: Envelope) =>
    sent(decideAnswer(e, { frames: frames("1", "2") }, rules(), MOMENT)).sends.map((s) =>
      s.envelope
    );
  const [again, first] = ids(input({ route: { actors: ["prep", "prep", "post"], current: 0 } }));
  const [, second] = ids(again!);
  assert.equal(first!.id, "e-1-1");
  assert.match(second!.id, /^e-1-1-[0-9a-f]{8}$/);
  assert.equal(ids(again!)[1]!.id, second!.id);
});

Deno.test("decideFailure() retries by policy, and never what cannot get better", () => {
  const error = (code: string, type?: string): Failure => ({
    code,
    message: "m",
    ...type === undefined ? {} : { type },
  });
  const last = { status: { attempt: 2 } };
  const soon = { deadline: "2026-01-01T00:00:01Z" };
  const rows: [string, Failure, object, Record<string, string>, string][] = [
    ["no policy", error("processing_error"), {}, {}, "error error_end>error-end:processing_error"],
    ["policy", error("processing_error"), {}, RETRY, "retried retry>prep"],
    ["time-out", error("timeout_error"), {}, RETRY, "retried retry>prep"],
    [
      "used up",
      error("processing_error"),
      last,
      RETRY,
      "error error_end>error-end:processing_error",
    ],
    [
      "no time left",
      error("processing_error"),
      soon,
      RETRY,
      "error error_end>error-end:processing_error",
    ],
    ["cancelled", error("cancelled"), {}, RETRY, "error error_end>error-end:cancelled"],
    [
      "exhausted",
      error("processing_error", "my.Broken"),
      {},
      RETRY,
      "error routing>repair:processing_error",
    ],
    ["end actor", error("processing_error"), {}, END, "retried retry>happy-end"],
    [
      "end actor, for ever",
      error("timeout_error"),
      { status: { attempt: 999 } },
      END,
      "retried retry>happy-end",
    ],
  ];
  for (const [name, failure, more, env, expected] of rows) {
    const plan = decideFailure(input(more), failure, rules(env), MOMENT);
    assert.equal(summary(plan), expected, name);
  }
});

Deno.test("decideFailure() counts in the envelope and says when there was no time", () => {
  const failure = { code: "processing_error", message: "m" };
  const [retry] = sent(decideFailure(input(), failure, rules(RETRY), MOMENT)).sends;
  assert.equal(retry!.delayMs, 1_000);
  assert.deepEqual(json(retry!.envelope).status, {
    attempt: 2,
    first_attempt_at: new Date(MOMENT.startedAt).toISOString(),
  });
  const late = input({ deadline: "2026-01-01T00:00:01Z" });
  const [error] = sent(decideFailure(late, failure, rules(RETRY), MOMENT)).sends;
  assert.equal(json(error!.envelope).payload.details.retry, "no time left");
});

Deno.test("decideFailure() replaces the rest of the route by onExhausted", () => {
  const failure = { code: "processing_error", message: "m", type: "Broken" };
  const [send] = sent(decideFailure(input(), failure, rules(RETRY), MOMENT)).sends;
  const { route, payload } = json(send!.envelope);
  assert.deepEqual(route, { actors: ["prep", "repair"], current: 1 });
  assert.deepEqual(payload.original_payload, { a: 1 });
});

Deno.test("decideFailure() lets end actors try at 1 s to 60 s", () => {
  const failure = { code: "processing_error", message: "m" };
  const delays = [1, 2, 3, 6, 7, 500].map((attempt) => {
    const plan = decideFailure(input({ status: { attempt } }), failure, rules(END), MOMENT);
    return sent(plan).sends[0]!.delayMs;
  });
  assert.deepEqual(delays, [1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
});

Deno.test("decideCrash() gives an envelope three attempts without a policy", () => {
  const at = (attempt: number) =>
    summary(decideCrash(input({ status: { attempt } }), "exit 139", rules(), MOMENT));
  assert.equal(at(1), "retried retry>prep");
  assert.equal(at(2), "retried retry>prep");
  assert.equal(at(3), "error error_end>error-end:connection_error");
});

Deno.test("decideMalformed() wraps what is small enough, and buries the rest", () => {
  const error = new EnvelopeError("msg_parsing_error", "bad");
  const of = (body: string, env = {}) => decideMalformed(bytes(body), error, rules(env));
  assert.equal(summary(of("[]")), "error error_end>error-end:msg_parsing_error");
  assert.equal(summary(of("x".repeat(70_000))), "bury");
  assert.equal(summary(of("[]", END)), "bury");
});

Deno.test("limitOf() is the actor's limit or the time left, whichever is less", () => {
  assert.equal(limitOf(input(), rules(), NOW), 300_000);
  assert.equal(limitOf(input({ deadline: "2026-01-01T00:00:02Z" }), rules(), NOW), 2_000);
  assert.equal(limitOf(input({ deadline: "2026-01-01T00:00:02Z" }), rules(END), NOW), 300_000);
});

Deno.test("decideAnswer() makes resource_limit of more bytes than ASYA_MAX_FRAME_BYTES", () => {
  const small = rules({ ASYA_MAX_FRAME_BYTES: "1400" });
  const big = input({ headers: { big: "h".repeat(300) } });
  assert.equal(
    summary(decideAnswer(big, { frames: frames("1", "2") }, small, MOMENT)),
    "success routing>infer routing>infer",
  );
  assert.equal(
    summary(decideAnswer(big, { frames: frames("1", "2", "3") }, small, MOMENT)),
    "error error_end>error-end:resource_limit",
  );
});
