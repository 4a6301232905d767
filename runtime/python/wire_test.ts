/**
 * Replays every exchange recorded from version 0.1.1 against the runtime, started as the process it
 * is. What was compatible must be answered alike; what was a defect must be answered as in REMEDIES.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { join } from "node:path";

const RUNTIME = new URL("./asya_runtime.py", import.meta.url).pathname;
const FIXTURE = new URL("../../tests/fixtures/wire/runtime-v1.json", import.meta.url);
const PYTHON = Deno.env.get("ASYA_TEST_PYTHON") ?? "python3";
const BOUND_MS = 20_000;

interface Environment {
  readonly handler: string;
  readonly source: string;
  readonly mode: string;
  readonly validation: boolean;
}

interface Case {
  readonly name: string;
  readonly env: Environment;
  readonly request_frame_base64: string;
  readonly response_frame_base64: string | null;
  readonly write_sizes?: readonly number[];
  readonly half_close?: boolean;
  readonly defect?: string;
}

interface Failure {
  readonly error: string;
  readonly details: Record<string, unknown>;
}

const { cases } = JSON.parse(Deno.readTextFileSync(FIXTURE)) as { cases: readonly Case[] };

/** Members that our answer has beside the recorded ones. */
const OURS = ["mro"];

/** Recorded texts that are not ours to repeat: CPython's own words for a bug of the handler's. */
const OTHER_WORDS: Readonly<Record<string, RegExp>> = {
  "envelope-returns-number": /Invalid output envelope\[0\/1\]: Missing required field 'payload'/,
  "envelope-current-not-integer": /Field 'route.current' must be an integer/,
  "envelope-actors-empty": /Field 'route.actors' cannot be empty/,
  "big-integer-5000-digits": /^Exceeds the limit \(4300/,
  "result-huge-integer": /the handler's result is not JSON: Exceeds the limit/,
};

function failsWith(code: string, message: RegExp) {
  return (answer: unknown) => {
    const { error, details } = onlyFailure(answer);
    assert.equal(error, code);
    assert.match(String(details.message), message);
  };
}

function answers(expected: unknown) {
  return (answer: unknown) => assert.deepEqual(answer, expected);
}

/** What a finished step of the recorded route answers with. */
function frames(...payloads: readonly unknown[]): unknown[] {
  return payloads.map((payload) => ({
    payload,
    route: { actors: ["prep", "infer"], current: 1 },
  }));
}

const NOT_JSON = failsWith("processing_error", /^the handler's result is not JSON: /);
const NO_ENVELOPE = failsWith(
  "msg_parsing_error",
  /^Missing required field 'payload' in envelope$/,
);

/** What the runtime does instead of each recorded defect. */
const REMEDIES: Readonly<Record<string, (answer: unknown) => void>> = {
  "number-1e400-in": NOT_JSON,
  "result-nan": NOT_JSON,
  "duplicate-keys": failsWith("msg_parsing_error", /^Duplicate field 'payload' in envelope$/),
  "all-fields-envelope-mode": (answer) => {
    const [frame] = answer as [Record<string, unknown>];
    assert.deepEqual(frame.status, { phase: "running", attempt: 1 });
    assert.equal(frame.deadline, "2026-01-01T00:00:00Z");
    assert.deepEqual(frame.x_unknown, [1, 2]);
    assert.equal(frame.parent_id, "e-0");
  },
  "system-exit": failsWith("processing_error", /^3$/),
  "result-not-serialisable-set": answers(frames({ s: [1, 2] })),
  "result-not-serialisable-bytes": answers(frames("YWJj")),
  "result-not-serialisable-generator": answers(frames(0, 1, 2)),
  "result-not-serialisable-tuple-key": NOT_JSON,
  "result-not-serialisable-second-of-fanout": NOT_JSON,
  "result-repr-raises": answers([
    { payload: { a: 1 }, route: { actors: ["prep", "infer"], current: 1 } },
  ]),
  // A loop is ended by the sidecar's hop budget, not here.
  "envelope-unchanged-current": answers([
    { id: "e-1", payload: { a: 1 }, route: { actors: ["prep", "infer"], current: 0 } },
  ]),
  "envelope-backwards": answers([
    { id: "e-1", payload: { a: 1 }, route: { actors: ["prep", "infer", "post"], current: 0 } },
  ]),
  "envelope-prefix-changed-in-place": failsWith(
    "processing_error",
    /Input route had \['prep'\] \(actors 0-0\), but output route starts with \['other'\]/,
  ),
  "validation-legacy-steps": answers([
    { payload: 1, route: { actors: ["prep"], current: 1 } },
  ]),
  "validation-current-true": failsWith(
    "msg_parsing_error",
    /^Field 'route.current' must be an integer$/,
  ),
  "no-validation-no-payload": failsWith(
    "processing_error",
    /^Missing required field 'payload' in envelope$/,
  ),
  "no-validation-no-route": failsWith(
    "processing_error",
    /^Missing required field 'route' in envelope$/,
  ),
  "request-number": NO_ENVELOPE,
  "request-null": NO_ENVELOPE,
  "request-array-of-names": NO_ENVELOPE,
  "request-string-with-names": NO_ENVELOPE,
  "deep-nesting-5000": (answer) => {
    // How deep is too deep differs between versions of CPython; an answer comes from each.
    if ("error" in (answer as Failure[])[0]!) {
      failsWith("msg_parsing_error", /recursion/)(answer);
    } else assert.equal(JSON.stringify(answer).split("[").length, 5003);
  },
};

function onlyFailure(answer: unknown): Failure {
  assert(Array.isArray(answer));
  assert.equal(answer.length, 1);
  assert.deepEqual(Object.keys(answer[0]).toSorted(), ["details", "error"]);
  return answer[0];
}

/** Parses JSON, leaving integers that a double cannot hold as text. */
function parse(text: string): unknown {
  const string = /"(?:[^"\\]|\\.)*"/.source;
  const quoted = (found: string) => found.startsWith('"') ? found : `"${found}"`;
  return JSON.parse(text.replace(new RegExp(`${string}|-?\\d{16,}`, "g"), quoted));
}

function sameAnswer(recorded: unknown, answer: unknown, name: string): void {
  const expected = (recorded as Partial<Failure>[])[0];
  if (typeof expected?.details !== "object") return assert.deepEqual(answer, recorded);
  const { error, details } = onlyFailure(answer);
  const { traceback: _, ...same } = { ...expected.details };
  for (const member of OURS) delete (details as Record<string, unknown>)[member];
  const { traceback, ...ours } = details;
  assert.equal(error, expected.error);
  const other = OTHER_WORDS[name];
  if (other) assert.match(String(ours.message), other);
  else assert.deepEqual(ours, same);
  assert(String(traceback).trimEnd().endsWith(`${ours.type}: ${ours.message}`), String(traceback));
  const frames = String(expected.details.traceback).match(/handlers\.py", line \d+, in \w+/g) ?? [];
  for (const frame of frames) assert(String(traceback).includes(frame), `no frame ${frame}`);
}

/** Writes the request as it was written, reads until the end. */
function exchange(path: string, { request_frame_base64, ...how }: Case): Promise<Uint8Array> {
  const request = Buffer.from(request_frame_base64, "base64");
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const parts: Uint8Array[] = [];
  const socket = connect(path, () => {
    let sent = 0;
    for (const size of how.write_sizes ?? []) {
      socket.write(request.subarray(sent, sent + size));
      sent += size;
    }
    socket.write(request.subarray(sent));
    if (how.half_close) socket.end();
  });
  const timer = setTimeout(() => socket.destroy(new Error("no answer in time")), BOUND_MS);
  socket.on("data", (data) => parts.push(data));
  socket.on("error", reject);
  socket.on("close", () => {
    clearTimeout(timer);
    resolve(Buffer.concat(parts));
  });
  return promise;
}

async function withRuntime(env: Environment, use: (socket: string) => Promise<void>) {
  const dir = await Deno.makeTempDir({ prefix: "asya" });
  await Deno.writeTextFile(join(dir, "handlers.py"), env.source);
  const watcher = Deno.watchFs(dir);
  const process = new Deno.Command(PYTHON, {
    args: [RUNTIME],
    env: {
      PYTHONPATH: dir,
      PYTHONDONTWRITEBYTECODE: "1",
      ASYA_SOCKET_DIR: dir,
      ASYA_HANDLER: env.handler,
      ASYA_HANDLER_MODE: env.mode,
      ASYA_ENABLE_VALIDATION: String(env.validation),
      ASYA_LOG_LEVEL: "ERROR",
    },
    stderr: "inherit",
  }).spawn();
  const timer = setTimeout(() => process.kill("SIGKILL"), BOUND_MS);
  try {
    const ended = process.status.then(() => watcher.close());
    for await (const { paths } of watcher) {
      if (paths.some((path) => path.endsWith("runtime-ready"))) break;
    }
    await use(join(dir, "asya-runtime.sock"));
    await Deno.writeTextFile(join(dir, "sidecar-done"), "");
    process.kill("SIGTERM");
    await ended;
    assert.equal((await process.status).code, 0);
  } finally {
    clearTimeout(timer);
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("REMEDIES says what asya_runtime.py does about each recorded defect", () => {
  const defects = cases.filter((recorded) => recorded.defect !== undefined);
  const names = defects.map((recorded) => recorded.name);
  assert.deepEqual(Object.keys(REMEDIES).toSorted(), names.toSorted());
});

Deno.test("asya_runtime.py answers each recorded version 1 request as 0.1.1 did, or better", async () => {
  const groups = Map.groupBy(cases, ({ env }) => JSON.stringify(env)).values();
  const wrong: string[] = [];
  let replayed = 0;
  const replayGroups = async () => {
    for (const group of groups) {
      await withRuntime(group[0]!.env, async (path) => {
        for (const recorded of group) {
          const response = Buffer.from(await exchange(path, recorded));
          replayed++;
          try {
            check(recorded, response);
          } catch (error) {
            wrong.push(`${recorded.name}: ${error}`);
          }
        }
      });
    }
  };
  await Promise.all([replayGroups(), replayGroups(), replayGroups()]);
  assert.deepEqual(wrong, []);
  assert.equal(replayed, cases.length);
});

function check(recorded: Case, response: Buffer): void {
  assert(response.length > 4, "no answer");
  assert.equal(response.readUInt32BE(0), response.length - 4, "the length is wrong");
  const text = response.subarray(4).toString();
  const remedy = REMEDIES[recorded.name];
  if (remedy) return remedy(JSON.parse(text));
  const known = Buffer.from(recorded.response_frame_base64!, "base64").subarray(4).toString();
  sameAnswer(parse(known), parse(text), recorded.name);
}
