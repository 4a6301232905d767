import assert from "node:assert/strict";
import { PluginError, type PluginErrorCode } from "@asya/plugins";
import type { Plugin, PluginCall } from "@asya/plugins";
import { HandlerError, HandlerGone, HandlerTimeout, InvalidAnswer } from "./handler.ts";
import { bytes, call, Sink, text } from "./socket/fake_runtime.ts";
import { wasmHandler } from "./wasm.ts";

/** A plugin that is a function; the real host has its own tests. */
function plugin(run: (call: PluginCall) => Uint8Array | Promise<Uint8Array>): Plugin {
  return {
    concurrency: 3,
    hash: "00",
    ready: () => Promise.resolve(),
    call: (given) => Promise.resolve(given).then(run),
    close: () => Promise.resolve(),
  };
}

async function handlerOf(
  run: (call: PluginCall) => Uint8Array | Promise<Uint8Array>,
  mode: "payload" | "envelope" = "payload",
) {
  const handler = wasmHandler({ load: () => Promise.resolve(plugin(run)), actor: "prep", mode });
  await handler.ready(new AbortController().signal);
  return handler;
}

const OUTPUTS: readonly (readonly [string, readonly string[]])[] = [
  ["", []],
  [" \n", []],
  ["null", []],
  [" null ", []],
  ["[]", []],
  ['{"n": 1e400}', ['{"n": 1e400}']],
  [' "x"\n', ['"x"']],
  ["-0", ["-0"]],
  ["[1, 9007199254740993 ,null]", ["1", "9007199254740993", "null"]],
  ["[[1]]", ["[1]"]],
];

for (const [output, payloads] of OUTPUTS) {
  Deno.test(`wasmHandler() takes ${JSON.stringify(output)} as ${payloads.length} frames`, async () => {
    const handler = await handlerOf(() => bytes(output));
    const { frames } = await handler.handle(call(), new Sink());
    assert.deepEqual(frames.map((frame) => text(frame.payload)), payloads);
    await handler.close();
  });
}

for (const output of ["nothing", "1,2", "{", "[1", "NaN", '{"a":1}]', "[1] 2"]) {
  Deno.test(`wasmHandler() takes ${output} as an invalid answer`, async () => {
    const handler = await handlerOf(() => bytes(output));
    await assert.rejects(handler.handle(call(), new Sink()), InvalidAnswer);
    await handler.close();
  });
}

Deno.test("wasmHandler() refuses more than 10,000 frames", async () => {
  const handler = await handlerOf(() => bytes(`[${Array(10_001).fill(1).join()}]`));
  await assert.rejects(
    handler.handle(call(), new Sink()),
    (e) => e instanceof HandlerError && e.failure.code === "resource_limit",
  );
  await handler.close();
});

Deno.test("wasmHandler() gives a plugin the payload's bytes and the call's context", async () => {
  let given: PluginCall | undefined;
  const handler = await handlerOf((got) => {
    given = got;
    return got.input;
  });
  const sink = new Sink();
  const { frames } = await handler.handle(call('{"n":1e400}', { attempt: 2, limitMs: 77 }), sink);
  assert.equal(text(frames[0]!.payload), '{"n":1e400}');
  assert.equal(given!.limitMs, 77);
  assert.deepEqual(given!.context, {
    "asya.actor": "prep",
    "asya.attempt": "2",
    "asya.id": "e-1",
  });
  assert.equal(sink.starts, 1);
  assert.equal(handler.concurrency, 3);
  await handler.close();
});

Deno.test("wasmHandler() tells a plugin the deadline as the envelope has it", async () => {
  let deadline: string | undefined;
  const handler = await handlerOf(({ context, input }) => {
    deadline = context["asya.deadline"];
    return input;
  });
  const { envelope, ...rest } = call();
  await handler.handle(
    { ...rest, envelope: { ...envelope, deadline: "2030-01-01T00:00:00+02:00" } },
    new Sink(),
  );
  assert.equal(deadline, "2030-01-01T00:00:00+02:00");
  await handler.close();
});

Deno.test("wasmHandler() in envelope mode passes whole envelopes", async () => {
  const handler = await handlerOf(({ input }) => {
    const envelope = JSON.parse(text(input));
    envelope.route.current = 1;
    return bytes(JSON.stringify(envelope));
  }, "envelope");
  const { frames } = await handler.handle(call('{"a":2}'), new Sink());
  assert.equal(frames.length, 1);
  assert.equal(text(frames[0]!.payload), '{"a":2}');
  assert.deepEqual(JSON.parse(frames[0]!.route!), { actors: ["prep", "post"], current: 1 });
  await handler.close();
});

const FAILURES: readonly (readonly [PluginErrorCode, string])[] = [
  ["guest_error", "processing_error"],
  ["trap", "processing_error"],
  ["memory_limit", "oom_error"],
  ["output_limit", "resource_limit"],
  ["cancelled", "cancelled"],
];

for (const [code, expected] of FAILURES) {
  Deno.test(`wasmHandler() turns a plugin's ${code} into ${expected}`, async () => {
    const handler = await handlerOf(() => {
      throw new PluginError(code, "boom", { type: "ValueError", guestStack: "at f" });
    });
    await assert.rejects(handler.handle(call(), new Sink()), (e) => {
      assert.ok(e instanceof HandlerError);
      assert.equal(e.failure.code, expected);
      if (expected === "cancelled") return true;
      assert.deepEqual([e.failure.message, e.failure.type, e.failure.traceback], [
        "boom",
        "ValueError",
        "at f",
      ]);
      return true;
    });
    await handler.close();
  });
}

Deno.test("wasmHandler() knows that a call past its limit was interrupted", async () => {
  const handler = await handlerOf(() => {
    throw new PluginError("timeout", "interrupted after 1000 ms");
  });
  await assert.rejects(
    handler.handle(call(), new Sink()),
    (e) => e instanceof HandlerTimeout && e.interrupted,
  );
  await handler.close();
});

Deno.test("wasmHandler() is gone before ready, after close, and when the plugin is closed", async () => {
  const handler = wasmHandler({
    load: () => Promise.resolve(plugin(({ input }) => input)),
    actor: "prep",
    mode: "payload",
  });
  await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
  await handler.ready(new AbortController().signal);
  assert.equal(handler.trouble, undefined);
  await handler.close();
  await assert.rejects(handler.handle(call(), new Sink()), HandlerGone);
  const closed = await handlerOf(() => {
    throw new PluginError("closed", "closed");
  });
  await assert.rejects(closed.handle(call(), new Sink()), HandlerGone);
  await closed.close();
});

Deno.test("wasmHandler() loads again where loading failed", async () => {
  let loads = 0;
  const handler = wasmHandler({
    load: () => {
      if (++loads === 1) throw new PluginError("invalid_module", "not a module");
      return Promise.resolve(plugin(({ input }) => input));
    },
    actor: "prep",
    mode: "payload",
  });
  const { signal } = new AbortController();
  await assert.rejects(handler.ready(signal), /not a module/);
  assert.equal(handler.trouble, "not a module");
  await Promise.all([handler.ready(signal), handler.ready(signal)]);
  assert.equal(loads, 2);
  await handler.close();
});

Deno.test("wasmHandler() blames no call for a plugin that gave up, and ready() ends the process", async () => {
  let calls = 0;
  const trouble = "3 workers hang; the process must be restarted";
  const broken: { trouble?: string | undefined } & Plugin = plugin(() => {
    calls++;
    throw new PluginError("closed", trouble);
  });
  const handler = wasmHandler({
    load: () => Promise.resolve(broken),
    actor: "prep",
    mode: "payload",
  });
  const { signal } = new AbortController();
  await handler.ready(signal);
  broken.trouble = trouble;
  broken.ready = () => Promise.reject(new PluginError("closed", trouble));
  const sink = new Sink();
  await assert.rejects(handler.handle(call(), sink), (e) => {
    return e instanceof HandlerGone && e.message === trouble;
  });
  assert.deepEqual([sink.starts, calls], [0, 0]);
  await assert.rejects(handler.ready(signal), (e) => {
    return e instanceof HandlerGone && e.message === trouble;
  });
  await handler.close();
});
