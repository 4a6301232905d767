/** What a call is answered, over the socket, by real processes. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { frame, start, testEach, type WireFrame } from "./testing.ts";

const types = (frames: WireFrame[]) => frames.map(({ type }) => type);
const bodies = (frames: WireFrame[]) =>
  frames.filter(({ type }) => type === 0x82).map((f) => f.body);

function failure(frames: WireFrame[]): { code: unknown; details: Record<string, unknown> } {
  const last = frames.at(-1)!;
  assert.equal(last.type, 0x85);
  return { code: last.head.error, details: last.head.details as Record<string, unknown> };
}

testEach("WELCOME and runtime-ready say what the runtime is", async (engine) => {
  await using running = await start(engine, "echo", {
    ASYA_CONCURRENCY: "3",
    ASYA_BATCH_SIZE: "1",
  });
  const peer = await running.hello("call");
  const { type, call, head } = (await peer.next())!;
  assert.deepEqual([type, call], [0x81, 0]);
  assert.deepEqual(head, {
    version: 2,
    concurrency: 3,
    mode: "payload",
    cancel: true,
    stream: true,
    pid: running.pid,
  });
  const ready = JSON.parse(await Deno.readTextFile(`${running.folder}/runtime-ready`));
  assert.deepEqual(ready, { protocol: 2, concurrency: 3, mode: "payload" });
});

testEach("an untouched payload comes back byte for byte", async (engine) => {
  await using running = await start(engine, "echo");
  const peer = await running.welcomed();
  const spelled = ['{"a":1e400,"b":-0,"a":1.0}', " 9007199254740993 ", '"\\u0041"', "-0"];
  for (const [i, payload] of spelled.entries()) {
    const answer = await peer.call(i + 1, payload);
    assert.deepEqual(bodies(answer), [payload]);
    assert.deepEqual(answer.at(-1)!.head, { frames: 1 });
    assert.equal(answer.at(-1)!.call, i + 1);
  }
});

testEach(
  "a changed payload is written anew, with the digits of numbers that it kept",
  async (engine) => {
    await using running = await start(engine, "add");
    const peer = await running.welcomed();
    const answer = await peer.call(1, '{"id":9007199254740993,"x":1.50}');
    assert.deepEqual(bodies(answer), ['{"id":9007199254740993,"x":1.5,"added":true}']);
  },
);

testEach("a payload changed in place is seen to be", async (engine) => {
  await using running = await start(engine, "change");
  const peer = await running.welcomed();
  assert.deepEqual(bodies(await peer.call(1, '{"x": 1}')), ['{"x":1,"seen":true}']);
});

testEach("an array is a fan-out, nothing is no frame", async (engine) => {
  await using running = await start(engine, "fan");
  const peer = await running.welcomed();
  assert.deepEqual(bodies(await peer.call(1, '{"n":3}')), ['{"i":0}', '{"i":1}', '{"i":2}']);
  assert.deepEqual(types(await peer.call(2, '{"n":0}')), [0x84]);
});

testEach("whatever a handler does is answered, and the next call works", async (engine) => {
  await using running = await start(engine, "odd");
  const peer = await running.welcomed();
  const call = (kind: string) => peer.call(7, JSON.stringify({ kind }));
  assert.deepEqual(types(await call("undefined")), [0x84]);
  assert.deepEqual(types(await call("null")), [0x84]);
  assert.deepEqual(bodies(await call("rich")), [
    '{"date":"1970-01-01T00:00:00.000Z","map":{"a":1},"set":[1],"bytes":"AQID","floats":[0.5],' +
    '"big":1180591620717411303424}',
  ]);
  const nan = failure(await call("nan"));
  assert.equal(nan.code, "processing_error");
  assert.equal(
    nan.details.message,
    "the handler's result is not JSON: result.items[1].when is NaN",
  );
  const { code, details } = failure(await call("throw"));
  assert.equal(code, "processing_error");
  assert.deepEqual([details.message, details.type, details.mro], [
    "no money",
    "PaymentError",
    ["Error"],
  ]);
  assert.match(String(details.traceback), /handlers\.mjs:\d+[^]*Caused by: TypeError: empty purse/);
  assert.doesNotMatch(String(details.traceback), /asya_runtime/);
  assert.deepEqual(failure(await call("string")).details.message, "only words");
  const abort = failure(await call("abort"));
  assert.deepEqual([abort.code, abort.details.type], ["processing_error", "AbortError"]);
  assert.equal(failure(await call("memory")).code, "oom_error");
  assert.match(String(failure(await call("exit")).details.message), /process\.exit\(3\)/);
  assert.deepEqual(bodies(await call("print")), ['"printed"']);
  assert.deepEqual(bodies(await call("background")), ['"alive"']);
  const reports = running.lines().filter(({ level }) => level === "error");
  assert.equal(reports.length, 2, running.stderr);
});

testEach("a handler is told of its call", async (engine) => {
  await using running = await start(engine, "seen");
  const peer = await running.welcomed();
  const asya = { attempt: 2, remaining_ms: 5_000 };
  const [answer] = await peer.call(1, "{}", { deadline: "2036-01-01T00:00:00Z", asya });
  assert.deepEqual(JSON.parse(answer!.body), {
    id: "e-1",
    actor: "a",
    attempt: 2,
    deadline: "2036-01-01T00:00:00Z",
    aborted: false,
  });
});

testEach("a payload that is not JSON is a parsing error", async (engine) => {
  await using running = await start(engine, "echo");
  const peer = await running.welcomed();
  for (const payload of ["{", "", "NaN", Buffer.from([0x22, 0xff, 0x22])]) {
    assert.equal(failure(await peer.call(1, payload)).code, "msg_parsing_error");
  }
});

testEach("a frame above the sidecar's limit is a resource limit", async (engine) => {
  await using running = await start(engine, "echo");
  const peer = await running.welcomed("call", 64);
  const { code, details } = failure(await peer.call(1, `"${"x".repeat(60)}"`));
  assert.equal(code, "resource_limit");
  assert.equal(details.message, "a frame of 80 bytes is above the sidecar's limit of 64");
});

testEach("four megabytes pass in both versions", async (engine) => {
  await using running = await start(engine, "echo");
  const big = JSON.stringify("x".repeat(4 << 20));
  const peer = await running.welcomed();
  assert.equal(bodies(await peer.call(1, big))[0]?.length, big.length);
  const answer = await running.exchange(`{"payload":${big},"route":{"actors":["a"]}}`);
  assert.equal(JSON.parse(answer)[0].payload.length, big.length - 2);
});

testEach("a deep payload comes back, or is answered in words", async (engine) => {
  await using running = await start(engine, "echo");
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  const peer = await running.welcomed();
  assert.deepEqual(bodies(await peer.call(1, `{"x":${deep}}`)), [`{"x":${deep}}`]);
  const [answer] = JSON.parse(
    await running.exchange(`{"payload":{"x":${deep}},"route":{"actors":["a"]}}`),
  );
  assert.match(answer.details.message, /result\.x\[0\].* is nested too deeply, or holds itself$/);
});

testEach(
  "each yield of a generator is a frame, and what it returns is a result",
  async (engine) => {
    await using running = await start(engine, "count");
    const peer = await running.welcomed();
    const answer = await peer.call(1, '{"n":3}');
    assert.deepEqual(bodies(answer), ['{"i":0}', '{"i":1}', '{"i":2}', '"last"']);
    assert.deepEqual(answer.at(-1)!.head, { frames: 4 });
    const old = await running.exchange('{"payload":{"n":2},"route":{"actors":["a"]}}');
    assert.deepEqual(JSON.parse(old).map((one: { payload: unknown }) => one.payload), [
      { i: 0 },
      { i: 1 },
    ]);
  },
);

testEach("a marked yield is a partial result, before the end of the call", async (engine) => {
  await using running = await start(engine, "talk");
  const peer = await running.welcomed();
  const answer = await peer.call(4, '{"n":2}');
  assert.deepEqual(answer.map(({ type, head, body }) => [type, head, body]), [
    [0x83, { seq: 0 }, '{"token":0}'],
    [0x83, { seq: 1 }, '{"token":1}'],
    [0x82, {}, '{"said":2}'],
    [0x84, { frames: 1 }, ""],
  ]);
  const failed = await peer.call(5, '{"n":1,"fail":true}');
  assert.equal(failure(failed).details.message, "lost the thread");
});

testEach("metric() and partial() of the context go out", async (engine) => {
  await using running = await start(engine, "meter");
  const peer = await running.welcomed();
  const [partial, , end] = await peer.call(1, '{"tokens":5}');
  assert.deepEqual([partial!.head, partial!.body], [{ seq: 0 }, '{"half":true}']);
  assert.deepEqual(end!.head, {
    frames: 1,
    metrics: [{ name: "tokens", value: 5, labels: { model: "m" } }],
  });
  assert.equal(failure(await peer.call(2, '{"tokens":"many"}')).details.type, "TypeError");
});

testEach("bytes may come one by one, and garbage is refused in words", async (engine) => {
  await using running = await start(engine, "echo");
  const peer = await running.peer();
  const head = { id: "e", route: { actors: ["a"], current: 0 } };
  const hello = frame(1, 0, { role: "call", max_frame: 1000 });
  for (const byte of Buffer.concat([Buffer.from("ASYA/2\r\n"), hello, frame(2, 9, head, "[1]")])) {
    peer.write(Buffer.from([byte]));
  }
  assert.equal((await peer.next())!.type, 0x81);
  assert.deepEqual(bodies(await peer.answer()), ["1"]);

  const flags = frame(2, 1, head, "1");
  flags[5] = 1;
  for (
    const [bytes, words] of [[flags, /flags/], [Buffer.from("ASYA/3\r\n"), /protocol/]] as const
  ) {
    const bad = bytes === flags ? await running.welcomed() : await running.peer();
    bad.write(bytes);
    const { type, call, head } = (await bad.next())!;
    assert.deepEqual([type, call], [0x85, 0]);
    assert.match(JSON.stringify(head), words);
    assert.equal(await bad.next(), undefined);
  }
});

testEach("envelope mode gets and gives whole envelopes, and keeps what was", async (engine) => {
  await using running = await start(engine, "route", { ASYA_HANDLER_MODE: "envelope" });
  const peer = await running.welcomed();
  const more =
    '{"id":"e","x":1e400,"headers":{"a":-0},"route":{"actors":["a","b"],"current":0,"metadata":{"n":1.0}}}';
  peer.write(frame(2, 1, more, '"insert"'));
  const [answer] = await peer.answer();
  assert.deepEqual(answer!.head, { route: { actors: ["a", "extra", "b"], current: 1 } });
  assert.equal(answer!.body, '"insert"');
  const { code, details } = failure(await peer.call(2, '"erase"'));
  assert.equal(code, "processing_error");
  assert.match(
    String(details.message),
    /^Invalid output envelope\[0\/1\]: Route modification error: .* had \['a'\] \(actors 0-0\), but output route starts with \['other'\]/,
  );
});

testEach(
  "calls of many connections run at once, as many as the concurrency says",
  async (engine) => {
    await using running = await start(engine, "wait", { ASYA_CONCURRENCY: "3" });
    const peers = await Promise.all(Array.from({ length: 5 }, () => running.welcomed()));
    const answers = await Promise.all(peers.map((peer, i) => peer.call(i + 1, '{"ms":50}')));
    const most = answers.map((answer) => JSON.parse(bodies(answer)[0]!).most);
    assert.equal(Math.max(...most), 3);
  },
);
