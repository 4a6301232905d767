/**
 * What can be wrong with input, each on a whole system of real processes. Some of it is shown where
 * it belongs, with as much of the system as it takes:
 *
 * | bad input                                    | shown in                                      |
 * | -------------------------------------------- | --------------------------------------------- |
 * | malformed JSON, missing id, wrong actor      | here                                          |
 * | unknown next actor                           | here                                          |
 * | 8 MB and 80 MB bodies                        | here; at the gateway: `gateway_test.ts`       |
 * | 10,000 levels of nesting, invalid UTF-8      | here; at the gateway: `gateway_test.ts`       |
 * | a handler that raises, answers nonsense,     | `python_test.ts`, `wasm_test.ts`              |
 * | prints, exits politely, allocates            |                                               |
 * | a handler that dies, or hangs in Python      | `local/local_test.ts`, `tests/crash/`         |
 * | a handler that hangs in WASM                 | `wasm_test.ts`                                |
 * | a full disk, a read-only folder              | `disk_test.ts`                                |
 * | a YAML file with five mistakes               | `cli/dev_test.ts`                             |
 * | missing python3, a port in use               | `local/local_test.ts`                         |
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { malformedId } from "@asya/envelope";
import { pythonActor } from "../project.ts";
import {
  type Bytes,
  bytes,
  readFailed,
  type Running,
  running,
  WASM_ECHO,
  wasmActor,
} from "../running.ts";

const PYTHON = {
  "actors.yaml": pythonActor("echo", "echo.process"),
  "echo.py": "def process(payload):\n    return payload\n",
};

const WASM = {
  "actors.yaml": wasmActor("echo", "assembly/echo.ts", "memory: 256Mi, timeout: 10s"),
  "assembly/echo.ts": WASM_ECHO,
};

function envelope(id: string, payload: Bytes, more = "", actor = "echo") {
  return bytes(`{"id":"${id}","route":{"actors":["${actor}"]},${more}"payload":`, payload, "}");
}

/** Equal bytes; prints no megabytes where they are not. */
function same(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  assert.ok(Buffer.compare(actual, expected) === 0, "the same bytes");
}

Deno.test("startLocal() sends malformed JSON to error-end with its bytes and the place of the mistake", () =>
  running(PYTHON, async ({ put, failed, stillGood }) => {
    const bodies = ['{"id":"cut-off","route":{"acto', "", "[]", '{"id":"x",}', "\0\xff"]
      .map((text) => Uint8Array.from(text, (char) => char.charCodeAt(0)));
    await put("echo", ...bodies);
    for (const body of bodies) {
      const { error, details, envelope: { route } } = await failed(malformedId(body));
      assert.equal(error, "msg_parsing_error");
      assert.match(details["message"]!, /byte \d+|object/);
      same(Buffer.from(details["body_base64"]!, "base64"), body);
      assert.deepEqual(route.actors, ["echo"]);
    }
    await stillGood("echo");
  }));

Deno.test("startLocal() sends an envelope without id, route or payload to error-end as it came", () =>
  running(PYTHON, async ({ put, failed, stillGood }) => {
    const cases: [string, RegExp][] = [
      ['{"route":{"actors":["echo"]}, "payload":-0 }', /the envelope has no id/],
      ['{"id":"","route":{"actors":["echo"]},"payload":1e400}', /id must be 1 to 256 bytes/],
      ['{"id":7,"route":{"actors":["echo"]},"payload":1}', /id must be/],
      ['{"id":"no-route","payload":1}', /the envelope has no route/],
      ['{"id":"no-payload","route":{"actors":["echo"]}}', /the envelope has no payload/],
      ['{"id":"twice","id":"twice","route":{"actors":["echo"]},"payload":1}', /id.*twice/],
    ];
    await put("echo", ...cases.map(([text]) => bytes(text)));
    for (const [text, message] of cases) {
      const own = /"id":"(no-[a-z]+)"/.exec(text)?.[1];
      const { error, details, original } = await failed(own ?? malformedId(bytes(text)));
      assert.equal(error, "msg_parsing_error");
      assert.match(details["message"]!, message);
      assert.equal(new TextDecoder().decode(original), text);
    }
    await stillGood("echo");
  }));

Deno.test("startLocal() sends an envelope on the queue of the wrong actor to error-end with both names", () =>
  running(PYTHON, async ({ put, failed, stillGood }) => {
    await put("echo", envelope("astray", "-0", "", "other"));
    const { error, details, original } = await failed("astray");
    assert.equal(error, "route_error");
    assert.match(details["message"]!, /came to actor "echo", but it is the turn of "other"/);
    assert.deepEqual(original, bytes("-0"));
    await stillGood("echo");
  }));

Deno.test("startLocal() sends an envelope whose next actor does not exist to error-end with the answer", () => {
  const quick = `sidecar:
  env:
    - { name: ASYA_QUEUE_RETRY_MAX_ATTEMPTS, value: "3" }
    - { name: ASYA_QUEUE_RETRY_BACKOFF, value: 20ms }
`;
  const files = {
    "actors.yaml": pythonActor("work", "work.process", quick),
    "work.py": "def process(payload):\n    return {'worked on': payload}\n",
  };
  return running(files, async ({ put, failed, stillGood }) => {
    const route = '{"actors":["work","nobody"]}';
    await put("work", bytes(`{"id":"lost","headers":{"n":-0},"route":${route},"payload":1}`));
    const { error, details, original, envelope } = await failed("lost");
    assert.equal(error, "route_error");
    assert.match(details["message"]!, /actor "nobody" has no queue \(looked 3 times\); create/);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(original)), { "worked on": 1 });
    assert.deepEqual([envelope.route.actors, envelope.route.current], [["work", "nobody"], 1]);
    assert.equal(envelope.headers?.get("n"), "-0");
    assert.equal(envelope.headers?.has("x-asya-forward"), false);
    await stillGood("work");
  });
});

const MB = 1e6;

/** A payload of this many bytes. */
function large(length: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(length).fill(0x78);
  payload[0] = payload[length - 1] = 0x22;
  return payload;
}

for (const megabytes of [8, 80]) {
  Deno.test(`startLocal() carries ${megabytes} MB through a Python handler`, () =>
    running(PYTHON, async ({ put, result, stillGood }) => {
      const payload = large(megabytes * MB);
      await put("echo", envelope("large", payload));
      same((await result("large")).payload, payload);
      await stillGood("echo");
    }));

  Deno.test(`startLocal() keeps ${megabytes} MB that are no envelope as a dead letter`, () =>
    running(PYTHON, async ({ put, deadLetter, stillGood }) => {
      const body = large(megabytes * MB);
      await put("echo", body);
      const letter = await deadLetter("echo");
      same(letter.body, body);
      assert.match(letter.reason, /^msg_parsing_error: .*object/);
      await stillGood("echo");
    }));
}

Deno.test("startLocal() sends 80 MB that a WASM handler has no memory for to error-end", () =>
  running(WASM, async ({ put, failed, stillGood }) => {
    const payload = large(80 * MB);
    await put("echo", envelope("large", payload));
    const { error, details, original } = await failed("large");
    assert.equal(error, "oom_error");
    assert.match(details["message"]!, /memory/);
    same(original, payload);
    await stillGood("echo");
  }));

const LEVELS = 10_000;
const DEEP = '{"deep":' + "[".repeat(LEVELS) + "]".repeat(LEVELS) + "}";

async function deepOutside({ put, failed, stillGood }: Running): Promise<void> {
  await put(
    "echo",
    envelope("in-headers", "-0", `"headers":{"deep":${DEEP}},`),
    envelope("in-unknown", "-0", `"deep":${DEEP},`),
  );
  for (const id of ["in-headers", "in-unknown"]) {
    const { error, details, original } = await failed(id);
    assert.equal(error, "msg_parsing_error");
    assert.match(details["message"]!, /nested too deep/);
    assert.ok(new TextDecoder().decode(original).includes(DEEP));
  }
  await stillGood("echo");
}

Deno.test("startLocal() loses nothing of 10,000 levels of nesting that Python cannot parse", () =>
  running(PYTHON, async ({ put, ended, stillGood }) => {
    await put("echo", envelope("deep", DEEP));
    const { actor, envelope: kept } = await ended("deep");
    if (actor === "happy-end") same(kept.payload, bytes(DEEP)); // some versions of Python can
    else {
      const { error, details, original } = readFailed(kept);
      assert.equal(error, "msg_parsing_error");
      assert.equal(details["type"], "RecursionError");
      assert.match(details["message"]!, /recursion/);
      same(original, bytes(DEEP));
    }
    await stillGood("echo");
  }));

Deno.test("startLocal() sends 10,000 levels of nesting outside the payload to error-end", () =>
  running(PYTHON, deepOutside));

/** A string that is not UTF-8. */
const NOT_UTF8 = Uint8Array.of(0x22, 0xff, 0xfe, 0xed, 0xa0, 0x80, 0x22);

Deno.test("startLocal() carries 8 MB, 10,000 levels and what is not UTF-8 through a WASM handler", () =>
  running(WASM, async ({ put, result, stillGood }) => {
    const payloads = { large: large(8 * MB), deep: bytes(DEEP), odd: NOT_UTF8 };
    for (const [id, payload] of Object.entries(payloads)) await put("echo", envelope(id, payload));
    for (const [id, payload] of Object.entries(payloads)) {
      same((await result(id)).payload, payload);
    }
    await stillGood("echo");
  }));

Deno.test("startLocal() sends a payload that is not UTF-8 and that Python cannot read to error-end", () =>
  running(PYTHON, async ({ put, failed, stillGood }) => {
    await put("echo", envelope("odd", NOT_UTF8));
    const { error, details, original } = await failed("odd");
    assert.equal(error, "msg_parsing_error");
    assert.match(details["message"]!, /utf-8.*can't decode byte 0xff in position 1/);
    same(original, NOT_UTF8);
    await stillGood("echo");
  }));

Deno.test("startLocal() sends what is not UTF-8 outside the payload to error-end with its bytes", () =>
  running(PYTHON, async ({ put, failed, stillGood }) => {
    const start = '{"id":"odd","route":{"actors":["echo"]},"payload":1,"headers":{"h":';
    const headers = bytes(start, NOT_UTF8, "}}");
    const id = bytes('{"id":', NOT_UTF8, ',"route":{"actors":["echo"]},"payload":1}');
    await put("echo", headers, id);
    for (const [name, body] of [["odd", headers], [malformedId(id), id]] as const) {
      const { error, details, original } = await failed(name);
      assert.equal(error, "msg_parsing_error");
      assert.match(details["message"]!, /UTF-8/);
      same(original, body);
    }
    await stillGood("echo");
  }));
