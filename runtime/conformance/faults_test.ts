/** The kit finds faults: a runtime with a switch for each fails exactly the cases meant. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Capability } from "./case.ts";
import { textOf } from "./report.ts";
import { runKit } from "./run.ts";

const BROKEN = fileURLToPath(new URL("./testdata/broken_runtime.ts", import.meta.url));
const LACKS: readonly Capability[] = ["version 1", "envelope mode"];

/** Plays some capabilities against the runtime with a fault; the report. */
function play(fault: string, only: readonly Capability[]) {
  const command = ["env", `FAULT=${fault}`, Deno.execPath(), "run", "-A", "--no-config", BROKEN];
  const target = { command, handler: "{}" };
  return runKit({ target, name: "broken", version: fault, without: LACKS, only });
}

/** Each fault with the capabilities that are played and the cases that have to fail. */
const FAULTS: readonly (readonly [string, readonly Capability[], readonly string[]])[] = [
  ["", ["version 2", "framing", "fan-out", "errors"], []],
  ["miscounts", ["fan-out"], [
    "answers 2 frames in order",
    "answers 3 frames in order",
    "answers 1000 frames in order",
    "answers 10000 frames in order",
    "leaves headers and route of a frame to the sidecar, or tells them as they were",
    "answers call by call when a fan-out follows another",
  ]],
  ["reverses", ["fan-out"], [
    "answers 2 frames in order",
    "answers 3 frames in order",
    "answers 1000 frames in order",
    "answers 10000 frames in order",
  ]],
  ["reprints", ["payload fidelity"], [
    "keeps an integer above 2^53",
    "keeps an integer of 30 digits",
    "keeps an integer of 4,000 digits",
    "keeps a number too large for a double",
    "keeps a number too small for a double",
    "keeps minus zero",
    "keeps minus zero with a fraction",
    "keeps 1.0, which stays 1.0",
    "keeps a decimal with more digits than a double has",
    "keeps exponents in every spelling",
    "keeps a member that is there twice",
    "keeps members in their own order",
    "keeps white space",
    "keeps escapes that need not be",
    "keeps surrogate pairs as escapes",
  ]],
  ["any size", ["payload fidelity"], [
    "answers resource_limit where a frame would be above max_frame",
    "sends frames of exactly max_frame, header included",
  ]],
  ["any flags", ["framing"], [
    "refuses flags that are not 0 with ERROR of call 0, and closes",
    "refuses every flag with ERROR of call 0, and closes",
    "refuses a 16-bit field that is not 0 with ERROR of call 0, and closes",
    "refuses flags also in a frame of an unknown type with ERROR of call 0, and closes",
  ]],
  ["knows all types", ["framing"], ["ignores frames of types that it does not know"]],
  ["call 31", ["framing"], ["takes call numbers up to 32 bits and repeats them"]],
  ["tells all", ["errors"], ["bounds what it tells of an error"]],
  ["silent", ["version 2"], [
    "refuses another version after ASYA with ERROR of call 0, and closes",
    "refuses ASYA with an end that is none with ERROR of call 0, and closes",
    "refuses HELLO with a role that it does not know with ERROR of call 0, and closes",
    "refuses a CALL before HELLO with ERROR of call 0, and closes",
    "refuses a HELLO whose head is no JSON with ERROR of call 0, and closes",
    "refuses a HELLO whose head is no object with ERROR of call 0, and closes",
  ]],
];

for (const [fault, only, expected] of FAULTS) {
  const name = fault === "" ? "no fault" : `the fault "${fault}"`;
  Deno.test(`runKit() finds ${expected.length} failing cases in a runtime with ${name}`, async () => {
    const report = await play(fault, only);
    const failed = report.failures.map((one) => one.name);
    assert.deepEqual(failed, expected, textOf(report));
    for (const { fault } of report.failures) {
      assert(fault!.expected !== "" && fault!.came !== "" && fault!.sent !== "nothing");
    }
  });
}

Deno.test("runKit() reports a command that cannot be started as a failure of every case", async () => {
  const target = { command: ["/nowhere/runtime"], handler: "{}" };
  const report = await runKit({ target, name: "none", version: "", only: ["fan-out"] });
  assert.equal(report.capabilities["fan-out"].verdict, "no");
  assert.match(textOf(report), /a command that can be started/);
});
