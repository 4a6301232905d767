import assert from "node:assert/strict";
import { pythonActor } from "../project.ts";
import { bytes, running } from "../running.ts";

/** One function that goes wrong in the way that its payload names. */
const ROGUE = `import os, sys

class OrderError(ValueError):
    pass

def find(order):
    raise OrderError(f"no order {order['number']} in the book \\U0001F4D6")

def process(payload):
    how = payload["do"] if isinstance(payload, dict) else payload
    if how == "raise":
        try:
            find(payload)
        except OrderError as error:
            raise RuntimeError("the order cannot be priced") from error
    if how == "raise without words":
        raise ValueError()
    if how == "raise at length":
        raise ValueError("x" * 1_000_000)
    if how == "exit":
        sys.exit("good bye")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "NaN":
        return {"score": float("nan")}
    if how == "infinity":
        return [1, float("inf")]
    if how == "an object":
        return {"file": open}
    if how == "deep inside":
        return {"items": [1, {"when": sys}]}
    if how == "a circle":
        circle = []
        circle.append({"again": circle})
        return {"circle": circle}
    if how == "odd keys":
        return {(1, 2): 3}
    if how == "print":
        print({"payload": [1, 2]}, "\\ud800", "no newline" * 100_000, end="")
        sys.stdout.buffer.write(bytes(range(256)) * 100)
        os.write(1, b"\\x00\\x00\\x00\\x04[{}]")
        print("\\x1b[2J", file=sys.stderr)
        return {"printed": True}
    if how == "close":
        sys.stdout.close()
        return {"closed": True}
    return payload
`;

/** The code and what a person must find in the details. */
const WRONG: Readonly<Record<string, [type: RegExp, message: RegExp]>> = {
  "raise without words": [/ValueError/, /^$/],
  "raise at length": [/ValueError/, /^x{8000}\n... 984000 characters cut ...\nx{8000}$/],
  "exit": [/SystemExit/, /good bye/],
  "interrupt": [/KeyboardInterrupt/, /^$/],
  "NaN": [/ValueError/, /result is not JSON: result\.score is nan/],
  "infinity": [/ValueError/, /result is not JSON: result\[1\] is inf/],
  "an object": [/TypeError/, /result is not JSON: .*function/],
  "deep inside": [/TypeError/, /result is not JSON: result\.items\[1\]\.when is a module/],
  "a circle": [/ValueError/, /result is not JSON: result .*contains itself/],
  "odd keys": [/TypeError/, /result is not JSON: result has a key that is a tuple/],
};

const FILES = { "actors.yaml": pythonActor("rogue", "rogue.process"), "rogue.py": ROGUE };

function envelope(id: string, payload: unknown) {
  return bytes(JSON.stringify({ id, route: { actors: ["rogue"] }, payload }));
}

Deno.test("startLocal() sends what a Python handler fails at to error-end, and the others pass", () =>
  running(FILES, async ({ put, failed, result, stillGood, local }) => {
    const [before] = local.actors();
    for (const [index, how] of Object.keys(WRONG).entries()) {
      await put("rogue", envelope(`bad-${index}`, how), envelope(`good-${index}`, "fine"));
    }
    for (const [index, [how, [type, message]]] of Object.entries(WRONG).entries()) {
      const { error, details, original } = await failed(`bad-${index}`);
      assert.equal(error, "processing_error", how);
      assert.match(details["type"]!, type);
      assert.match(details["message"]!, message);
      assert.equal(typeof details["traceback"], "string", how);
      assert.deepEqual(original, bytes(JSON.stringify(how)));
      assert.deepEqual((await result(`good-${index}`)).payload, bytes('"fine"'));
    }
    await stillGood("rogue");
    assert.equal(local.actors()[0]?.pid, before?.pid, "the process has lived through all of it");
  }));

Deno.test("startLocal() shows the file, the line and the cause of what a Python handler raises", () =>
  running(FILES, async ({ put, failed, stillGood }) => {
    await put("rogue", envelope("raises", { do: "raise", number: 7 }));
    const { error, details } = await failed("raises");
    assert.equal(error, "processing_error");
    assert.deepEqual([details["type"], details["message"]], [
      "RuntimeError",
      "the order cannot be priced",
    ]);
    assert.match(details["traceback"]!, /OrderError: no order 7 in the book 📖/);
    assert.match(details["traceback"]!, /direct cause/);
    assert.match(details["traceback"]!, /File ".*rogue\.py", line 7, in find/);
    assert.match(details["traceback"]!, /File ".*rogue\.py", line 15, in process/);
    assert.doesNotMatch(details["traceback"]!, /asya_runtime/, "no line of ours");
    await stillGood("rogue");
  }));

Deno.test("startLocal() lets nothing that a Python handler prints reach its answer", () =>
  running(FILES, async ({ put, result, stillGood }) => {
    await put("rogue", envelope("print", "print"), envelope("close", "close"));
    assert.deepEqual((await result("print")).payload, bytes('{"printed":true}'));
    assert.deepEqual((await result("close")).payload, bytes('{"closed":true}'));
    await stillGood("rogue");
  }));

/** Its process may use only so much memory; what it hoards it lets go of when it fails. */
const HOG = `import resource
resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))

def process(payload):
    hoard = []
    while payload == "hog":
        hoard.append(bytearray(16 << 20))
    return payload
`;

Deno.test("startLocal() sends what a Python handler has no memory for to error-end as oom_error", () =>
  running(
    { "actors.yaml": pythonActor("hog", "hog.process"), "hog.py": HOG },
    async ({ put, failed, stillGood, local }) => {
      const [before] = local.actors();
      await put("hog", bytes('{"id":"hog","route":{"actors":["hog"]},"payload":"hog"}'));
      const { error, details, original } = await failed("hog");
      assert.equal(error, "oom_error");
      assert.equal(details["type"], "MemoryError");
      assert.match(details["traceback"]!, /hoard\.append/);
      assert.deepEqual(original, bytes('"hog"'));
      await stillGood("hog");
      assert.equal(local.actors()[0]?.pid, before?.pid);
    },
  ));
