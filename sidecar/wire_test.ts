/**
 * Every recorded exchange of Asya 0.1.1's sidecar, replayed: the same message on a real queue, the
 * same answers from a real socket, a real HTTP server as a gateway that knows no `/reports`.
 * Compatible cases must publish and report the same; each case marked as a defect has a check of
 * its own that says what happens instead.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Queue } from "@asya/transport";
import { createLogger } from "@asya/telemetry";
import { FakeRuntime, type Peer } from "./handlers/socket/fake_runtime.ts";
import { socketHandler } from "./handlers/mod.ts";
import { type Json, over, Stage, until } from "./test_stage.ts";

interface Case {
  readonly name: string;
  readonly actor: string;
  readonly end_actor?: boolean;
  readonly input_body?: string;
  readonly input_body_base64?: string;
  readonly runtime_reply: string | null | {
    readonly base64?: string;
    readonly raw_base64?: string;
    readonly closed?: boolean;
    readonly silent?: boolean;
  };
  readonly runtime_calls: number | "endless";
  readonly outputs: { readonly queue: string; readonly body: string | { base64: string } }[];
  readonly gateway_calls: { readonly path: string; readonly body: string }[];
  readonly defect?: string;
}

interface Sent {
  readonly queue: string;
  readonly delayMs: number;
  readonly text: string;
  readonly body: Json;
}

interface Called {
  readonly path: string;
  readonly body: Json;
}

/** What one replay led to. */
interface Replay {
  readonly sent: Sent[];
  readonly called: Called[];
  /** Bodies that the runtime got. */
  readonly requests: string[];
  readonly deadLetters: string[];
}

const FILE = new URL("../tests/fixtures/wire/sidecar-v1.json", import.meta.url);
const CASES: Case[] = JSON.parse(Deno.readTextFileSync(FILE)).cases;
const ACTORS = ["prep", "infer", "post", "happy-end", "error-end"];

/** Shorter than in life: time-outs, and pauses between attempts that a crash used up. */
const ENV = {
  ASYA_TRANSPORT: "sqlite",
  ASYA_RESILIENCY_POLICIES: '{"fast":{"maxAttempts":3,"initialDelay":"1ms","jitter":false}}',
  ASYA_RESILIENCY_RULES: '[{"errors":["connection_error"],"policy":"fast"}]',
  ASYA_MAX_HOPS: "5",
};

/** Own errors have a code where 0.1.1 has a free text. */
const CODES: Readonly<Record<string, string>> = {
  "error-member-number": "processing_error",
  "reply-object": "processing_error",
  "reply-nan": "processing_error",
  "reply-not-json": "processing_error",
  "reply-empty-frame": "processing_error",
  "input-wrong-actor": "route_error",
  "input-finished-route": "route_error",
};

/** Inputs that the contract calls malformed: wrapped whole, nothing is called or reported. */
const MALFORMED = ["input-current-negative", "input-actors-empty", "input-payload-missing-error"];

/** Answers where 0.1.1 did not call the runtime and we do. */
const REPLIES: Readonly<Record<string, string>> = {
  "input-legacy-steps": '[{"payload":2,"route":{"actors":["prep","infer"],"current":1}}]',
};

const DEFECTS: Readonly<Record<string, (r: Replay, c: Case) => void>> = {
  "fanout-of-child": ({ sent }) => {
    assert.deepEqual(sent.map(({ body }) => [body.id, body.parent_id]), [
      ["e-1-1", "e-1"],
      ["e-1-1-1", "e-1-1"],
    ]);
  },
  "fanout-second-lineage": ({ sent }) => {
    // Nothing in the envelope says that it was fanned out before; one that says so gets other ids.
    assert.deepEqual(sent.map(({ body }) => body.id), ["e-1", "e-1-1"]);
    assert.equal(sent[0]!.body.headers["x-asya-fanout"].depth, 1);
  },
  "all-fields-fanout": ({ sent }) => {
    for (const { body } of sent) keepsEverything(body);
    assert.deepEqual(sent.map(({ body }) => body.parent_id), ["e-0", "e-1"]);
  },
  "all-fields-error": ({ sent }) => {
    keepsEverything(sent[0]!.body);
    assert.equal(sent[0]!.body.parent_id, "e-0");
    assert.deepEqual(sent[0]!.body.payload.original_payload, { a: 1 });
  },
  "all-fields-empty-reply": ({ sent }, c) => {
    assert.equal(sent[0]!.queue, "asya-happy-end");
    const { status: _, ...body } = JSON.parse(c.input_body!);
    assert.deepEqual(sent[0]!.body, body);
  },
  "error-unknown-code-and-members": ({ sent }) => {
    const { error, details } = sent[0]!.body.payload;
    assert.equal(error, "my_code");
    assert.deepEqual(details, { message: "m", mro: ["Exception"], extra: 1 });
  },
  "mixed-ok-error-ok": ({ sent }) => {
    assert.deepEqual(sent.map(({ queue }) => queue), ["asya-error-end"]);
    assert.equal(sent[0]!.body.payload.details.type, "ZeroDivisionError");
  },
  "reply-array-of-null": isError("processing_error"),
  "reply-empty-object": isError("processing_error"),
  "reply-no-route": isError("processing_error"),
  "reply-closed": ({ sent, requests }) => {
    assert.equal(requests.length, 3);
    const { queue, body } = sent.at(-1)!;
    assert.equal(queue, "asya-error-end");
    assert.equal(body.payload.error, "connection_error");
    assert.deepEqual(sent.map((s) => s.queue), ["asya-prep", "asya-prep", "asya-error-end"]);
    assert.deepEqual(sent.slice(0, 2).map((s) => s.body.status.attempt), [2, 3]);
  },
  "reply-current-negative": isError("route_error"),
  "reply-current-beyond": isError("route_error"),
  "input-not-json": keepsBytes,
  "input-empty-body": keepsBytes,
  "input-array": keepsBytes,
  "input-null": keepsBytes,
  "input-id-number": ({ sent }, c) => {
    assert.match(sent[0]!.body.id, /^bad-[0-9a-f]{32}$/);
    assert.deepEqual(sent[0]!.body.payload.original_payload, JSON.parse(c.input_body!));
  },
  "input-actors-not-text": keepsId,
  "input-headers-array": keepsId,
  "input-id-missing": ({ sent }, c) => {
    assert.match(sent[0]!.body.id, /^bad-[0-9a-f]{32}$/);
    assert.deepEqual(sent[0]!.body.payload.original_payload, JSON.parse(c.input_body!));
  },
  "input-legacy-steps": ({ sent, requests }) => {
    assert.deepEqual(requests.map((text) => JSON.parse(text).route), [
      { actors: ["prep", "infer"], current: 0 },
    ]);
    assert.deepEqual(sent.map(({ queue }) => queue), ["asya-infer"]);
    assert.deepEqual(sent[0]!.body.route, { actors: ["prep", "infer"], current: 1 });
  },
  "input-keys-upper-case": ({ sent, requests }, c) => {
    assert.equal(requests.length, 0);
    assert.equal(sent[0]!.body.payload.error, "msg_parsing_error");
    assert.deepEqual(sent[0]!.body.payload.original_payload, JSON.parse(c.input_body!));
  },
  "input-number-fidelity-error": ({ sent }) => {
    const payload = '{"n":12345678901234567890123, "f":1.0, "t":"<&>"}';
    assert.ok(sent[0]!.text.includes(`"original_payload":${payload}`));
  },
  "gateway-refuses-progress": ({ sent, called }) => {
    assert.deepEqual(sent.map(({ queue }) => queue), ["asya-infer"]);
    assert.equal(called.at(-1)!.body.status, "completed");
  },
  "loop-unchanged-current": ({ sent, requests }) => {
    assert.equal(requests.length, 6);
    const { queue, body } = sent.at(-1)!;
    assert.equal(queue, "asya-error-end");
    assert.equal(body.payload.error, "route_error");
    assert.equal(sent.length, 6);
  },
  "timeout": isError("timeout_error"),
  "timeout-all-fields": (replay, c) => {
    isError("timeout_error")(replay, c);
    keepsEverything(replay.sent[0]!.body);
  },
  "end-handler-error": triesAgainLater,
  "end-not-json": ({ sent, called, deadLetters }, c) => {
    assert.deepEqual(sent, []);
    assert.deepEqual(called, []);
    assert.deepEqual(deadLetters, [c.input_body]);
  },
  "end-gateway-refuses-final": (replay, c) => {
    assert.equal(replay.called.length, 1);
    triesAgainLater({ ...replay, called: [] }, c);
  },
  "end-runtime-closed": triesAgainLater,
};

function isError(code: string) {
  return ({ sent }: Replay, c: Case) => {
    assert.deepEqual(sent.map(({ queue }) => queue), ["asya-error-end"]);
    const { payload, route, id } = sent[0]!.body;
    assert.equal(payload.error, code);
    assert.equal(typeof payload.details.message, "string");
    const input = JSON.parse(c.input_body!);
    assert.deepEqual(payload.original_payload, input.payload);
    assert.equal(id, input.id);
    assert.equal(route.current, input.route.current);
  };
}

function keepsEverything(body: Json): void {
  assert.deepEqual(body.route.metadata, { job_id: "j-1" });
  assert.equal(body.route.extra, 1);
  assert.equal(body.headers.n, 1);
  assert.match(body.headers.traceparent, /^00-0af7651916cd43dd8448eb211c80319c/);
  assert.equal(body.deadline, "2099-01-01T00:00:00Z");
  assert.deepEqual(body.x_unknown, [1, 2]);
}

function keepsBytes({ sent, requests }: Replay, c: Case): void {
  assert.equal(requests.length, 0);
  assert.deepEqual(sent.map(({ queue }) => queue), ["asya-error-end"]);
  const { id, payload } = sent[0]!.body;
  assert.match(id, /^bad-[0-9a-f]{32}$/);
  assert.equal(payload.error, "msg_parsing_error");
  assert.equal(atob(payload.details.body_base64), c.input_body);
}

function keepsId({ sent }: Replay, c: Case): void {
  assert.deepEqual(sent.map(({ queue }) => queue), ["asya-error-end"]);
  assert.equal(sent[0]!.body.id, "e-1");
  assert.deepEqual(sent[0]!.body.payload.original_payload, JSON.parse(c.input_body!));
}

/** An end actor: a delayed attempt of its own, nothing reported, nothing at error-end. */
function triesAgainLater({ sent, called }: Replay, c: Case): void {
  assert.deepEqual(called, []);
  assert.deepEqual(sent.map(({ queue }) => queue), [`asya-${c.actor}`]);
  assert.ok(sent[0]!.delayMs >= 1_000);
  assert.equal(sent[0]!.body.status.attempt, 2);
}

/** The recorded words of the clock. */
function normalised(body: Json): Json {
  const copy = structuredClone(body);
  if ("duration_ms" in copy) {
    copy.duration_ms = 1;
    copy.message = "Completed processing in 1ms";
  }
  if ("timestamp" in copy) copy.timestamp = "<TIME>";
  return copy;
}

/** What we add to an envelope. */
function withoutAdditions(body: Json, expected: Json): Json {
  const copy = structuredClone(body);
  for (const name of Object.keys(copy.headers ?? {})) {
    if (name.startsWith("x-asya-")) delete copy.headers[name];
  }
  if (expected.headers === undefined && Object.keys(copy.headers ?? { a: 1 }).length === 0) {
    delete copy.headers;
  }
  return copy;
}

function checkCompatible(c: Case, { sent, called, requests }: Replay): void {
  assert.deepEqual(sent.map(({ queue }) => queue), c.outputs.map(({ queue }) => queue));
  for (const [index, { body }] of c.outputs.entries()) {
    const text = typeof body === "string" ? body : Buffer.from(body.base64, "base64").toString();
    const expected = JSON.parse(text);
    const actual = withoutAdditions(sent[index]!.body, expected);
    const code = CODES[c.name];
    if (code !== undefined) {
      assert.equal(actual.payload.error, code);
      assert.equal(typeof actual.payload.details.message, "string");
      expected.payload.error = code;
      delete actual.payload.details;
    }
    assert.deepEqual(actual, expected);
  }
  const expectedCalls = lastStates(c.gateway_calls).map(({ path, body }) => {
    const expected = JSON.parse(body);
    // The index of the actor that did the work, where 0.1.1 reports the next one's.
    if (expected.status === "completed") expected.current_actor_idx--;
    return { path, body: expected };
  });
  const actualCalls = lastStates(called).map(({ path, body }) => {
    // With what the failed actor was given, which 0.1.1 does not tell.
    const { parent_id: parent, original_payload: _, ...rest } = normalised(body);
    return { path, body: path === "/envelopes" ? { ...rest, parent_id: parent } : rest };
  });
  assert.deepEqual(actualCalls, expectedCalls);
  assert.equal(requests.length, c.runtime_calls);
}

/** Without progress that is followed by more: how much of it is told depends on the time it takes. */
function lastStates<T extends { readonly path: string }>(calls: readonly T[]): T[] {
  return calls.filter(({ path }, index) =>
    !path.endsWith("/progress") || !calls.slice(index + 1).some((later) => later.path === path)
  );
}

function checkMalformed(c: Case, { sent, called, requests }: Replay): void {
  assert.deepEqual(sent.map(({ queue }) => queue), ["asya-error-end"]);
  const { id, payload } = sent[0]!.body;
  assert.equal(id, "e-1");
  assert.equal(payload.error, "msg_parsing_error");
  assert.deepEqual(payload.original_payload, JSON.parse(c.input_body!));
  assert.equal(called.length + requests.length, 0);
}

/** A gateway of 0.1.1, as far as sidecars see it. */
class OldGateway {
  readonly calls: Called[] = [];
  refuses: (path: string) => boolean = () => false;
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    (request) => this.#answer(request),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    const body = await request.json();
    if (path === "/reports") return new Response("not found", { status: 404 });
    this.calls.push({ path, body });
    if (this.refuses(path)) return new Response("no", { status: 500 });
    return Response.json({ status: "ok" }, { status: path === "/envelopes" ? 201 : 200 });
  }

  close(): Promise<void> {
    return this.#server.shutdown();
  }
}

/** Answers each request with the case's recorded reply. */
async function serve(peer: Peer, reply: Case["runtime_reply"], requests: string[]): Promise<void> {
  const request = await peer.request();
  if (request === undefined) return; // a probe
  requests.push(request);
  if (reply === null || typeof reply === "object" && reply.closed) return;
  if (typeof reply === "object" && reply.silent) {
    await peer.read(1); // until the other side gives up
    return;
  }
  if (typeof reply === "object" && reply.raw_base64 !== undefined) {
    return await peer.write(Buffer.from(reply.raw_base64, "base64"));
  }
  const body = typeof reply === "string"
    ? Buffer.from(reply)
    : Buffer.from(reply.base64 ?? "", "base64");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  await peer.write(length, body);
}

/** A queue that notes what was sent, in order. */
function recorded(queue: Queue, sent: Sent[]): Queue {
  const note = (out: Parameters<Queue["send"]>[0], results: Awaited<ReturnType<Queue["send"]>>) => {
    for (const [index, { actor, body, delayMs = 0 }] of out.entries()) {
      if (!results[index]!.ok) continue;
      const text = new TextDecoder().decode(body);
      sent.push({ queue: `asya-${actor}`, delayMs, text, body: JSON.parse(text) });
    }
    return results;
  };
  return over(queue, {
    complete: async (d, out) => note(out, await queue.complete(d, out)),
    send: async (out) => note(out, await queue.send(out)),
  });
}

async function replay(stage: Stage, gateway: OldGateway, dir: string, c: Case): Promise<Replay> {
  const requests: string[] = [];
  const sent: Sent[] = [];
  gateway.calls.length = 0;
  gateway.refuses = (path) =>
    c.name === "gateway-refuses-progress" && path.endsWith("/progress") ||
    c.name === "gateway-refuses-child" && path === "/envelopes" ||
    c.name === "end-gateway-refuses-final" && path.endsWith("/final");
  const reply = REPLIES[c.name] ?? c.runtime_reply;
  const runtime = FakeRuntime.start(dir, "ready", (peer) => serve(peer, reply, requests));
  const log = createLogger({ level: "error" });
  const silent = typeof c.runtime_reply === "object" && c.runtime_reply?.silent === true;
  const handler = socketHandler({
    dir,
    concurrency: 1,
    maxFrameBytes: 2 ** 20,
    cancelGraceMs: 100,
    actor: c.actor,
    endActor: c.end_actor === true,
    log,
  });
  const sidecar = stage.start({
    handler,
    log,
    queue: (queue) => recorded(queue, sent),
    env: {
      ...ENV,
      ASYA_ACTOR_NAME: c.actor,
      ASYA_IS_END_ACTOR: String(c.end_actor === true),
      ASYA_GATEWAY_URL: gateway.url,
      ASYA_RUNTIME_TIMEOUT: silent ? "100ms" : "10s",
    },
  });
  const input = c.input_body ?? Buffer.from(c.input_body_base64!, "base64");
  await stage.send(c.actor, input);
  const settled = () => {
    const { succeeded, failed, retried, unsettled } = sidecar.stats();
    const ended = c.end_actor ? succeeded + failed + retried : succeeded + failed;
    const looping = c.runtime_calls === "endless" && !c.end_actor;
    return unsettled === 0 && (looping ? failed > 0 : ended > 0);
  };
  await until(settled, `${c.name} to be settled`);
  await sidecar.drain(1_000);
  await handler.close();
  await runtime.stop();
  const letters = stage.transport.queue(c.actor).deadLetters(c.actor);
  const deadLetters: string[] = [];
  for (const { key, body } of await letters.list(10)) {
    deadLetters.push(new TextDecoder().decode(body));
    await letters.discard(key);
  }
  return { sent, called: [...gateway.calls], requests, deadLetters };
}

Deno.test("sidecar-v1.json: each defect has a check, and each check a defect", () => {
  const defects = CASES.filter(({ defect }) => defect !== undefined).map(({ name }) => name);
  assert.deepEqual(Object.keys(DEFECTS).sort(), defects.sort());
  assert.equal(CASES.length, 72);
});

Deno.test("startSidecar() treats every message that was recorded from 0.1.1 as the contract says", async (t) => {
  const gateway = new OldGateway();
  const dir = await Deno.makeTempDir({ prefix: "asya-" });
  try {
    for (const c of CASES) {
      await t.step(c.name, async () => {
        await using stage = await Stage.open();
        const result = await replay(stage, gateway, dir, c);
        if (c.defect !== undefined) DEFECTS[c.name]!(result, c);
        else if (MALFORMED.includes(c.name)) checkMalformed(c, result);
        else checkCompatible(c, result);
        // What was sent lies in the queues of the others.
        for (const actor of ACTORS.filter((name) => name !== c.actor)) {
          const sent = result.sent.filter(({ queue }) => queue === `asya-${actor}`);
          assert.equal(await stage.count(actor), sent.length);
          const taken = await stage.take(actor, sent.length);
          assert.deepEqual(taken.map(({ text }) => text), sent.map(({ text }) => text));
        }
      });
    }
  } finally {
    await gateway.close();
    await Deno.remove(dir, { recursive: true });
  }
});
