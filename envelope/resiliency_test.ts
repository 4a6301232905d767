import assert from "node:assert/strict";
import { NO_RESILIENCY, parseResiliency, ResiliencyError } from "./resiliency.ts";

function problems(policies: unknown, rules: unknown): readonly string[] {
  try {
    parseResiliency(policies, rules);
  } catch (error) {
    assert.ok(error instanceof ResiliencyError);
    assert.equal(error.code, "invalid_resiliency");
    for (const problem of error.problems) assert.ok(error.message.includes(problem));
    return error.problems;
  }
  return [];
}

Deno.test("parseResiliency() reads every setting", () => {
  const policy = {
    maxAttempts: 5,
    backoff: "linear",
    initialDelay: "500ms",
    maxInterval: "1m",
    maxDuration: "10m",
    jitter: false,
    onExhausted: ["repair", "post"],
  };
  const rules = [{ errors: ["ValueError", "my.Error", "timeout_error"], policy: "slow" }];
  const read = parseResiliency({ slow: policy }, rules);
  assert.deepEqual([...read.policies], [["slow", {
    maxAttempts: 5,
    backoff: "linear",
    initialDelayMs: 500,
    maxIntervalMs: 60_000,
    maxDurationMs: 600_000,
    jitter: false,
    onExhausted: ["repair", "post"],
  }]]);
  assert.deepEqual(read.rules, rules);
});

Deno.test("parseResiliency() has defaults for all of a policy", () => {
  const defaults = {
    maxAttempts: 3,
    backoff: "exponential",
    initialDelayMs: 1_000,
    maxIntervalMs: 30_000,
    jitter: true,
  };
  assert.deepEqual(parseResiliency({ default: {} }, []).policies.get("default"), defaults);
  const slow = parseResiliency({ default: { initialDelay: "2m" } }, []).policies.get("default");
  assert.equal(slow?.maxIntervalMs, 120_000);
});

for (const absent of [undefined, null]) {
  Deno.test(`parseResiliency() reads ${absent} as nothing`, () => {
    assert.deepEqual(parseResiliency(absent, absent), NO_RESILIENCY);
  });
}

for (
  const [policy, problem] of [
    [5, /policies\.p: expected an object, got "5"/],
    [[], /policies\.p: expected an object/],
    [null, /policies\.p: expected an object/],
    [{ maxAttempts: 0 }, /p\.maxAttempts: expected a whole number from 1 to 1000, got "0"/],
    [{ maxAttempts: 1.5 }, /maxAttempts/],
    [{ maxAttempts: "3" }, /maxAttempts/],
    [{ maxAttempts: 1001 }, /maxAttempts/],
    [{ backoff: "quadratic" }, /backoff: expected constant, linear, exponential/],
    [{ initialDelay: 5 }, /initialDelay: expected a duration such as 300ms, 1s or 2m, got "5"/],
    [{ maxInterval: "soon" }, /maxInterval: expected a duration/],
    [{ maxDuration: "" }, /maxDuration: expected a duration/],
    [{ initialDelay: "1m", maxInterval: "1s" }, /maxInterval: is shorter than initialDelay/],
    [{ jitter: "yes" }, /jitter: expected true or false/],
    [{ onExhausted: "x" }, /onExhausted: expected a list of actor names/],
    [{ onExhausted: [] }, /onExhausted/],
    [{ onExhausted: ["A"] }, /onExhausted/],
    [{ maxAttempt: 3 }, /p\.maxAttempt: there is no such setting; possible are maxAttempts,/],
    [JSON.parse('{"__proto__":{"jitter":1}}'), /p\.__proto__: there is no such setting/],
  ] as const
) {
  Deno.test(`parseResiliency() refuses the policy ${JSON.stringify(policy)}`, () => {
    const found = problems({ p: policy }, []);
    assert.equal(found.length, 1);
    assert.match(found[0]!, problem);
  });
}

for (
  const [rule, problem] of [
    [5, /rules\[0\]: expected an object/],
    [{ errors: ["A"] }, /rules\[0\]\.policy: expected the name of a policy, got nothing/],
    [{ policy: "p" }, /rules\[0\]\.errors: expected a list of error classes or codes, got nothing/],
    [{ errors: [], policy: "p" }, /errors/],
    [{ errors: "A", policy: "p" }, /errors/],
    [{ errors: ["A", ""], policy: "p" }, /errors/],
    [{ errors: ["A"], policy: "q" }, /rules\[0\]\.policy: there is no policy "q"/],
    [{ errors: ["A"], policy: "toString" }, /there is no policy "toString"/],
    [{ errors: ["A"], policy: "p", when: 1 }, /rules\[0\]\.when: there is no such setting/],
  ] as const
) {
  Deno.test(`parseResiliency() refuses the rule ${JSON.stringify(rule)}`, () => {
    const found = problems({ p: {} }, [rule]);
    assert.equal(found.length, 1);
    assert.match(found[0]!, problem);
  });
}

Deno.test("parseResiliency() lists all problems at once", () => {
  const policies = { a: { maxAttempts: 0, jitter: 1, x: 1 }, b: 5 };
  assert.equal(problems(policies, [{ errors: [], policy: "c" }, 7]).length, 7);
  assert.equal(problems([], {}).length, 2);
});

Deno.test("parseResiliency() takes a wrong policy for there, so that rules that name it are not blamed", () => {
  assert.equal(problems({ p: 5 }, [{ errors: ["A"], policy: "p" }]).length, 1);
});
