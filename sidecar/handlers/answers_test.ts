import assert from "node:assert/strict";
import { EnvelopeError } from "@asya/envelope";
import { checked, checkJson } from "./answers.ts";
import { HandlerError, InvalidAnswer } from "./handler.ts";
import { bytes } from "./socket/fake_runtime.ts";

for (const json of ['{"a":1,"a":-0}', " [1e400]", '"\\ud800"', "1", "null", " true ", "{} "]) {
  Deno.test(`checkJson() accepts ${json}`, () => checkJson(bytes(json)));
}

for (const json of ["", " ", "{", "[1", "1,2", "1]", "],[", '{"a":1}}', "NaN", "nul", '"a']) {
  Deno.test(`checkJson() refuses ${json || "no bytes"}`, () => {
    assert.throws(() => checkJson(bytes(json)), EnvelopeError);
  });
}

Deno.test("checked() tells too much from wrong", () => {
  const throwing = (error: Error) => () => {
    throw error;
  };
  const much = new EnvelopeError("resource_limit", "too many");
  assert.throws(
    () => checked(throwing(much)),
    (e) => e instanceof HandlerError && e.failure.code === "resource_limit",
  );
  const wrong = new EnvelopeError("processing_error", "wrong");
  assert.throws(() => checked(throwing(wrong)), InvalidAnswer);
  assert.throws(() => checked(throwing(new RangeError("ours"))), RangeError);
});
