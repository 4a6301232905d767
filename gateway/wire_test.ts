/**
 * Replays what was recorded of Asya 0.1.1. Values and status are binding, except where a case is a
 * `defect`, or where it stands in the table below with the reason: there the table's check holds.
 */

import assert from "node:assert/strict";
import { startHarness, until } from "./testing/harness.ts";
import type { Harness } from "./testing/harness.ts";

interface Step {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body: string | null;
  readonly status?: number;
}

interface Case {
  readonly name: string;
  readonly setup?: readonly Step[];
  readonly request: Step;
  readonly status: number;
  readonly response_headers: Record<string, string>;
  readonly body: string;
  readonly published?: readonly { queue: string; body: string }[];
  readonly stream_ended?: boolean;
  readonly defect?: string;
}

/** What a request of ours led to; `<ID>` and `<TIME>` are put in as in the recording. */
interface Seen {
  readonly status: number;
  readonly body: string;
  readonly ended: boolean;
  readonly published: { queue: string; body: string }[];
  readonly harness: Harness;
  readonly id: string;
}

const { header, cases } = JSON.parse(
  await Deno.readTextFile(new URL("../tests/fixtures/wire/gateway-v1.json", import.meta.url)),
) as { header: { tools_yaml: string }; cases: Case[] };

const ISO = /"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"/g;
/** How Go writes "no time": the contract leaves the member out. */
const ZERO_TIME = /"deadline":"0001-01-01T00:00:00Z",?/g;

/** JSON inside texts too, so that the order of keys does not matter. */
function unfolded(value: unknown): unknown {
  if (typeof value === "string") {
    try {
      return value.startsWith("{") ? unfolded(JSON.parse(value)) : value;
    } catch {
      return value; // a text that only looks like JSON
    }
  }
  if (Array.isArray(value)) return value.map(unfolded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unfolded(v)]));
}

function events(text: string): { event: string; data: unknown }[] {
  return text.split("\n\n").filter((block) => block.startsWith("event:")).map((block) => ({
    event: /^event: (.*)$/m.exec(block)![1]!,
    data: JSON.parse(/^data: (.*)$/m.exec(block)![1]!),
  }));
}

function comparable(text: string, type: string): unknown {
  if (type.startsWith("text/event-stream")) return events(text);
  if (!text.startsWith("{")) return text;
  return unfolded(JSON.parse(text.replace(ZERO_TIME, "")));
}

/**
 * A recorded body with the one thing in it that follows from a defect elsewhere: the default of
 * `mode` was not filled into the payload of the call in the setup.
 */
function expectedBody({ body }: Case): string {
  return body.replace('"payload":{"text":"hi"}', '"payload":{"text":"hi","mode":"fast"}');
}

async function readBody(response: Response, wanted: number): Promise<[string, boolean]> {
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    return [await response.text(), true];
  }
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let ended = false;
  for (;;) {
    const quiet = Promise.withResolvers<undefined>();
    const timer = setTimeout(
      () => quiet.resolve(undefined),
      events(text).length < wanted ? 3_000 : 60,
    );
    const chunk = await Promise.race([reader.read(), quiet.promise]);
    clearTimeout(timer);
    if (chunk === undefined) break;
    if (chunk.done) {
      ended = true;
      break;
    }
    text += chunk.value;
  }
  await reader.cancel();
  return [text, ended];
}

async function replay(recorded: Case): Promise<Seen> {
  const harness = await startHarness({ yaml: header.tools_yaml });
  let id = "";
  const send = async (step: Step) => {
    const fill = (text: string) => text.replaceAll("<ID>", id);
    const response = await harness.gateway.app.request(fill(step.path), {
      method: step.method,
      headers: {
        host: "localhost",
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...step.headers,
      },
      ...step.body === null ? {} : { body: fill(step.body) },
    });
    return response;
  };
  const findId = async (text: string) => {
    id ||= /"envelope_id\\*":\\*"([0-9a-f-]{36})/.exec(text)?.[1] ?? "";
    if (id) {
      await until("left pending", async () => (await harness.store.head(id))?.state !== "pending");
    }
  };
  for (const step of recorded.setup ?? []) {
    const response = await send(step);
    await findId(await response.text());
  }
  const before = harness.sent.length;
  const response = await send(recorded.request);
  const [text, ended] = await readBody(response, events(recorded.body).length);
  await findId(text);
  const hidden = (body: string) =>
    id
      ? body.replaceAll(id, "<ID>").replaceAll(ISO, '"<TIME>"')
        .replace(/"tool":"[a-z]+",(?="status")/, "") // one more member of the view
        .replace(/"headers":\{"traceparent":"[0-9a-f-]{55}"\},/, "") // the call's trace
      : body;
  const published = harness.sent.slice(before).map(({ actor, body }) => ({
    queue: `asya-${actor}`,
    body: hidden(new TextDecoder().decode(body)),
  }));
  return { status: response.status, body: hidden(text), ended, published, harness, id };
}

function assertAsRecorded(seen: Seen, recorded: Case): void {
  assert.equal(seen.status, recorded.status);
  if (recorded.published) {
    const parsed = (list: Seen["published"]) =>
      list.map(({ queue, body }) => ({ queue, body: JSON.parse(body) }));
    assert.deepEqual(parsed(seen.published), parsed([...recorded.published]));
  }
  const type = recorded.response_headers["content-type"] ?? "";
  const plainError = type.startsWith("text/plain") && recorded.status >= 400 &&
    !recorded.body.startsWith("{");
  if (plainError) return; // the words of an error are not binding
  assert.deepEqual(comparable(seen.body, type), comparable(expectedBody(recorded), type));
  if (recorded.stream_ended !== undefined) assert.equal(seen.ended, recorded.stream_ended);
}

type Check = (seen: Seen, recorded: Case) => void | Promise<void>;

const json = (seen: Seen) => JSON.parse(seen.body);
const content = (seen: Seen) => json(seen).content ?? json(seen).result.content;

/** The call is refused, in words that have all of `words` in them; nothing is published. */
function refused(...words: string[]): Check {
  return (seen) => {
    assert.equal(seen.status, 200);
    assert.equal(json(seen).isError, true);
    for (const word of words) assert.match(content(seen)[0].text, new RegExp(word));
    assert.deepEqual(seen.published, []);
  };
}

function status(code: number): Check {
  return (seen) => assert.equal(seen.status, code, seen.body);
}

/** As recorded, but with these members of the body, `undefined` for "not there". */
function asRecordedBut(changes: Record<string, unknown>): Check {
  return (seen, recorded) => {
    assert.equal(seen.status, recorded.status);
    const expected = { ...JSON.parse(expectedBody(recorded)), ...changes };
    assert.deepEqual(unfolded(json(seen)), unfolded(JSON.parse(JSON.stringify(expected))));
  };
}

const registeredOnly: Check = (seen, recorded) => {
  assert.equal(seen.status, 201);
  assert.deepEqual(json(seen), JSON.parse(recorded.body));
  assert.deepEqual(seen.published, []);
};

const unchangedAfterSuccess: Check = (seen) => {
  assert.equal(seen.status, 200);
  const { status, result, error, progress_percent } = json(seen);
  assert.deepEqual({ status, result, error, progress_percent }, {
    status: "succeeded",
    result: { r: 1 },
    error: undefined,
    progress_percent: 100,
  });
};

const asRecordedAndClosed: Check = (seen, recorded) => {
  assert.deepEqual(events(seen.body), events(recorded.body));
  assert.equal(seen.ended, true);
};

/** What we do instead of a defect. */
const DEFECTS: Readonly<Record<string, Check>> = {
  "tool-call-no-deadline": refused("unknown parameter", "any"),
  "tool-call-null-parameter": refused("text", "string"),
  "tool-call-not-an-option": refused("mode", "fast", "full"),
  "tool-call-default": (seen) => {
    assert.equal(seen.status, 200);
    const { payload } = JSON.parse(seen.published[0]!.body);
    assert.deepEqual(payload, { text: "hi", mode: "fast" });
  },
  // The recorded arguments are unknown to the tool, which we refuse; digits have a test of their own.
  "tool-call-big-integer": refused("unknown parameter", "n"),
  "envelope-plain": asRecordedBut({ deadline: undefined }),
  "envelope-after-completed": (seen, recorded) =>
    asRecordedBut({
      route: { ...JSON.parse(recorded.body).route, current: 1 },
      actors_completed: 1,
      progress_percent: 100 / 3,
      current_actor_idx: 0,
      current_actor_name: "prep",
    })(seen, recorded),
  "child-create": registeredOnly,
  "child-create-no-parent": registeredOnly,
  "child-create-twice": (seen) => {
    assert.equal(seen.status, 201);
    assert.deepEqual(json(seen), { id: "<ID>-1", status: "created" });
  },
  "progress-completed-advanced": asRecordedBut({ progress_percent: 100 / 3 }),
  "progress-last-completed": asRecordedBut({ progress_percent: 99 }),
  "progress-unknown-status": status(400),
  "progress-unknown-id": status(404),
  "progress-after-final": status(409),
  "envelope-progress-after-final": unchangedAfterSuccess,
  "final-twice": status(409),
  "envelope-final-twice": unchangedAfterSuccess,
  "stream-finished": (seen, recorded) => {
    const expected = events(recorded.body);
    const completed = expected[3]!.data as Record<string, unknown>;
    Object.assign(completed, { progress_percent: 100 / 3, current_actor_idx: 0 }); // as above
    assert.deepEqual(events(seen.body), expected);
    assert.equal(seen.ended, true);
  },
  "stream-failed": asRecordedAndClosed,
  "mcp-tools-call-progress-token": async (seen) => {
    // The stream is open and has a first notification; the end is in mcp_test.ts.
    assert.equal(seen.status, 200);
    assert.equal(seen.ended, false);
    const [first] = seen.body.split("\n\n").map((block) => /^data: (.*)$/m.exec(block)?.[1]);
    const { method, params } = JSON.parse(first!);
    assert.equal(method, "notifications/progress");
    assert.equal(params.progressToken, "p1");
    await until("published", () => seen.harness.sent.length === 1);
  },
};

/** Recorded behaviour that is right in itself and that we do not have, and why. */
const DIFFERENCES: Readonly<Record<string, { readonly why: string; readonly check: Check }>> = {
  "child-get": {
    why: "a child inherits its parent's deadline, as its envelope does on the queue",
    check: asRecordedBut({ deadline: "<TIME>" }),
  },
  "envelope-delete": {
    why: "an envelope can be cancelled",
    check: (seen) => assert.deepEqual(json(seen), { id: "<ID>", status: "cancelled" }),
  },
  "child-list": {
    why: "there is a list",
    check: (seen) => assert.deepEqual(json(seen), { envelopes: [] }),
  },
  "mcp-initialize": {
    why: "the version is our own, there are tasks and resources, and no session and its id",
    check: (seen, recorded) => {
      const expected = JSON.parse(recorded.body);
      const tasks = { cancel: {}, list: {}, requests: { tools: { call: {} } } };
      Object.assign(expected.result.capabilities, { resources: {}, tasks });
      expected.result.serverInfo.version = json(seen).result.serverInfo.version;
      assert.deepEqual(json(seen), expected);
    },
  },
  "mcp-initialize-unknown-version": {
    why: "the newest version of the 2025 revisions that we know is a later one",
    check: (seen) => {
      assert.equal(seen.status, 200);
      assert.equal(json(seen).result.protocolVersion, "2025-11-25");
      assert.equal(json(seen).result.serverInfo.name, "asya-gateway");
    },
  },
  "mcp-initialize-no-version": {
    why: "every revision of MCP requires protocolVersion; the SDK says so",
    check: (seen) => {
      assert.equal(seen.status, 200);
      assert.match(json(seen).error.message, /protocolVersion/);
    },
  },
  "mcp-tools-list-no-session": {
    why: "there are no sessions, so none can be missing",
    check: (seen) => assert.equal(json(seen).result.tools.length, 3),
  },
  "mcp-tools-list-bad-session": {
    why: "there are no sessions, so none can be wrong",
    check: (seen) => assert.equal(json(seen).result.tools.length, 3),
  },
  "mcp-tools-list-accept-json-only": {
    why: "the published schemas say what is enforced, and that a call may be a task",
    check: (seen, recorded) => {
      assert.equal(seen.status, 200);
      const plain = (text: string) =>
        JSON.parse(text).result.tools.map((
          { inputSchema: _, execution: _task, ...tool }: Record<string, unknown>,
        ) => tool);
      assert.deepEqual(plain(seen.body), plain(recorded.body));
      const [analyze, , short] = json(seen).result.tools;
      assert.deepEqual(analyze.execution, { taskSupport: "optional" });
      assert.deepEqual(analyze.inputSchema, {
        type: "object",
        properties: {
          text: { type: "string", description: "The text" },
          mode: { type: "string", description: "How", enum: ["fast", "full"], default: "fast" },
          count: { type: "integer", description: "How often" },
          ratio: { type: "number" },
          loud: { type: "boolean" },
          tags: { type: "array", items: { type: "string" } },
          opts: {
            type: "object",
            properties: { depth: { type: "integer" } },
            additionalProperties: false,
          },
        },
        required: ["text"],
        additionalProperties: false,
      });
      assert.deepEqual(short.inputSchema.required, ["a", "b"]);
    },
  },
  "mcp-tools-call-unknown-tool": {
    why: "the words of an error are our own",
    check: (seen) => {
      assert.equal(json(seen).error.code, -32602);
      assert.match(json(seen).error.message, /nope/);
    },
  },
  "mcp-unknown-method": {
    why: "the words of an error are the SDK's",
    check: (seen) => assert.equal(json(seen).error.code, -32601),
  },
  "mcp-resources-list": {
    why: "envelopes are resources; none is listed, they are found by a template",
    check: (seen) => assert.deepEqual(json(seen).result, { resources: [] }),
  },
  "mcp-prompts-list": {
    why: "the words of an error are the SDK's",
    check: (seen) => assert.equal(json(seen).error.code, -32601),
  },
  "mcp-wrong-jsonrpc": {
    why: "the SDK answers what is no JSON-RPC 2.0 with status 400",
    check: (seen) => {
      assert.equal(seen.status, 400);
      assert.equal(json(seen).error.code, -32600);
    },
  },
  "mcp-batch": {
    why: "the words of an error are our own",
    check: (seen) => {
      assert.equal(seen.status, 400);
      assert.equal(json(seen).error.code, -32600);
    },
  },
  "mcp-get": { why: "there are no sessions, so nothing could be sent on it", check: status(405) },
  "mcp-delete": { why: "there are no sessions to end", check: status(405) },
};

Deno.test("every recorded defect has a check of what the gateway does instead", () => {
  const defects = cases.filter((recorded) => recorded.defect).map(({ name }) => name);
  assert.deepEqual(Object.keys(DEFECTS).sort(), defects.sort());
  const names = new Set(cases.map(({ name }) => name));
  for (const name of Object.keys(DIFFERENCES)) assert.ok(names.has(name), `${name} is no case`);
});

for (const recorded of cases) {
  const different = DIFFERENCES[recorded.name];
  const check = DEFECTS[recorded.name] ?? different?.check ?? assertAsRecorded;
  const how = recorded.defect
    ? "instead of the recorded defect"
    : different
    ? `differently: ${different.why}`
    : "as recorded";
  Deno.test(`createGateway() answers ${recorded.name} ${how}`, async () => {
    const seen = await replay(recorded);
    await using _harness = seen.harness;
    await check(seen, recorded);
  });
}
