import assert from "node:assert/strict";
import { openTerminal } from "../terminal.ts";
import { type Run, ToolError } from "../tool.ts";
import { untilReady } from "./wait.ts";

function hands(run: Run, interrupted: AbortSignal) {
  let out = "";
  const terminal = openTerminal((text) => out += text, { live: false, colours: false });
  return { hands: { run, terminal, interrupted }, out: () => out };
}

const ACTORS = [{ namespace: "n", name: "a" }];

Deno.test("untilReady() ends at Ctrl-C, which kubectl hears too, with what was seen last", async () => {
  const ctrlC = new AbortController();
  const status = { status: "Creating", observedGeneration: 1, conditions: [] };
  const actor = {
    kind: "AsyncActor",
    metadata: { name: "a", namespace: "n", generation: 1 },
    status,
  };
  let looks = 0;
  const run: Run = (command) => {
    assert.deepEqual(command.slice(0, 4), ["kubectl", "-n", "n", "get"]);
    if (++looks === 1) queueMicrotask(() => ctrlC.abort());
    const seen = { code: 0, out: JSON.stringify(actor), err: "" };
    return Promise.resolve(looks === 1 ? seen : { code: 130, out: "", err: "interrupt" });
  };
  const { hands: given, out } = hands(run, ctrlC.signal);
  const { end, actors } = await untilReady(["kubectl"], ACTORS, 60_000, given);
  assert.equal(end, "interrupted");
  assert.deepEqual(actors.map(({ name, text }) => [name, text]), [["a", "Creating"]]);
  assert.equal(out(), "  ..  a  Creating\n");
});

Deno.test("untilReady() gives up at its limit, and not for one look that fails", async () => {
  const failing: Run = () => Promise.resolve({ code: 1, out: "", err: "connection refused" });
  const never = new AbortController().signal;
  const { end } = await untilReady(["kubectl"], ACTORS, 0, hands(failing, never).hands);
  assert.equal(end, "timeout");
  const missing: Run = () => Promise.reject(new RangeError("a fault of ours"));
  await assert.rejects(
    untilReady(["kubectl"], ACTORS, 0, hands(missing, never).hands),
    (error) => !(error instanceof ToolError),
  );
});
