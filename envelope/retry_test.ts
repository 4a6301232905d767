import assert from "node:assert/strict";
import fc from "fast-check";
import type { Failure } from "./failure.ts";
import { NO_RESILIENCY, parseResiliency } from "./resiliency.ts";
import { decideRetry, type RetryQuestion } from "./retry.ts";

const failure: Failure = { code: "processing_error", message: "m" };

/** A decision on a first attempt that failed at once, with one policy `default`. */
function decide(policy: unknown, question: Partial<RetryQuestion> = {}) {
  const resiliency = parseResiliency({ default: policy }, []);
  const random = () => 0.5;
  return decideRetry({
    ...{ resiliency, failure, attempt: 1, firstAttemptAt: 0, now: 0, random },
    ...question,
  });
}

Deno.test("decideRetry() does not retry without a policy", () => {
  assert.deepEqual(decide({}, { resiliency: NO_RESILIENCY }), { action: "fail" });
});

for (
  const [backoff, delays] of [
    ["constant", [1_000, 1_000, 1_000, 1_000, 1_000]],
    ["linear", [1_000, 2_000, 3_000, 4_000, 5_000]],
    ["exponential", [1_000, 2_000, 4_000, 5_000, 5_000]],
  ] as const
) {
  Deno.test(`decideRetry() waits ${delays} ms with ${backoff} backoff and 5s at most`, () => {
    const policy = { backoff, maxInterval: "5s", maxAttempts: 9, jitter: false };
    const found = [1, 2, 3, 4, 5].map((attempt) => decide(policy, { attempt }));
    assert.deepEqual(found, delays.map((delayMs) => ({ action: "retry", delayMs })));
  });
}

Deno.test("decideRetry() waits half to the whole of the delay with jitter", () => {
  const policy = { initialDelay: "10s" };
  const delay = (random: number) => decide(policy, { random: () => random });
  assert.deepEqual(delay(0), { action: "retry", delayMs: 5_000 });
  assert.deepEqual(delay(0.5), { action: "retry", delayMs: 7_500 });
  assert.deepEqual(delay(0.9999999), { action: "retry", delayMs: 10_000 });
});

Deno.test("decideRetry() counts the first call as an attempt", () => {
  const actions = [1, 2, 3, 4].map((attempt) => decide({ maxAttempts: 3 }, { attempt }).action);
  assert.deepEqual(actions, ["retry", "retry", "fail", "fail"]);
  assert.equal(decide({ maxAttempts: 1 }).action, "fail");
});

Deno.test("decideRetry() says where it goes when the attempts are used up", () => {
  const policy = { maxAttempts: 2, onExhausted: ["repair"] };
  assert.deepEqual(decide(policy, { attempt: 2 }), { action: "fail", onExhausted: ["repair"] });
});

for (
  const code of [
    "msg_parsing_error",
    "deadline_exceeded",
    "route_error",
    "resource_limit",
    "cancelled",
  ]
) {
  Deno.test(`decideRetry() never retries ${code}, whatever a rule says`, () => {
    const resiliency = parseResiliency(
      { default: {}, p: { onExhausted: ["x"] } },
      [{ errors: [code], policy: "p" }],
    );
    const fallback = resiliency.policies.get("default")!;
    const question = { resiliency, fallback, failure: { code, message: "m" } };
    assert.deepEqual(decide({}, question), { action: "fail" });
  });
}

const error: Failure = {
  code: "processing_error",
  message: "m",
  type: "my.module.NotReady",
  mro: ["my.Base", "builtins.ValueError", "Exception"],
};

for (
  const [pattern, matches] of [
    ["processing_error", true],
    ["timeout_error", false],
    ["my.module.NotReady", true],
    ["NotReady", true],
    ["module.NotReady", false],
    ["Ready", false],
    ["notready", false],
    ["my.Base", true],
    ["Base", true],
    ["ValueError", true],
    ["builtins.ValueError", true],
    ["Exception", true],
    ["builtins.Exception", false],
    ["my", false],
  ] as const
) {
  Deno.test(`decideRetry() ${matches ? "matches" : "does not match"} ${pattern}`, () => {
    const resiliency = parseResiliency({ p: {} }, [{ errors: ["Other", pattern], policy: "p" }]);
    const { action } = decide({}, { resiliency, failure: error });
    assert.equal(action, matches ? "retry" : "fail");
  });
}

Deno.test("decideRetry() takes the first rule that matches, then default, then the fallback", () => {
  const delay = (seconds: number) => ({ initialDelay: `${seconds}s`, jitter: false });
  const rules = [
    { errors: ["Exception"], policy: "one" },
    { errors: ["NotReady"], policy: "two" },
  ];
  const policies = { one: delay(1), two: delay(2) };
  const fallback = parseResiliency({ p: delay(4) }, []).policies.get("p")!;
  const delayOf = (given: unknown, question: Partial<RetryQuestion>) => {
    const decision = decide({}, { resiliency: parseResiliency(given, rules), ...question });
    return decision.action === "retry" ? decision.delayMs : decision;
  };
  assert.equal(delayOf(policies, { failure: error, fallback }), 1_000);
  assert.equal(delayOf({ ...policies, default: delay(3) }, { fallback }), 3_000);
  assert.equal(delayOf(policies, { fallback }), 4_000);
  assert.deepEqual(delayOf(policies, {}), { action: "fail" });
});

Deno.test("decideRetry() fails at once when the next attempt would reach the deadline", () => {
  const policy = { initialDelay: "10s", jitter: false, onExhausted: ["x"] };
  const noTime = { action: "fail", note: "no time left" };
  assert.equal(decide(policy, { now: 5, deadline: 10_006 }).action, "retry");
  assert.deepEqual(decide(policy, { now: 5, deadline: 10_005 }), noTime);
  assert.deepEqual(decide(policy, { now: 5, deadline: 0 }), noTime);
});

Deno.test("decideRetry() fails at once when the next attempt would reach maxDuration", () => {
  const policy = { initialDelay: "10s", maxDuration: "1m", jitter: false };
  const at = (now: number) => decide(policy, { firstAttemptAt: 1_000, now });
  assert.equal(at(50_999).action, "retry");
  assert.deepEqual(at(51_000), { action: "fail", note: "no time left" });
});

Deno.test("decideRetry() never waits longer than maxInterval nor for ever", () => {
  const backoff = fc.constantFrom("constant", "linear", "exponential");
  fc.assert(
    fc.property(
      backoff,
      fc.integer({ min: 1, max: 999 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (backoff, attempt, at) => {
        const decision = decide({ maxAttempts: 1_000, backoff }, { attempt, random: () => at });
        assert.ok(
          decision.action === "retry" && decision.delayMs >= 500 && decision.delayMs <= 30_000,
        );
      },
    ),
  );
});
