/** How the process begins, is cancelled, drains and ends. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ENGINES, exists, frame, launch, type Running, start, testEach, until } from "./testing.ts";

const NODE = ENGINES[0]!;
const GRACE = { ASYA_CANCEL_GRACE: "200ms" };

testEach("a cancel aborts the signal, and the connection goes on", async (engine) => {
  await using running = await start(engine, "wait");
  const peer = await running.welcomed(), control = await running.welcomed("control");
  control.write(frame(3, 99, { reason: "unknown" }));
  control.write(frame(5, 77, {}));
  assert.equal((await control.next())!.call, 77); // PONG: the cancel before it harmed nobody
  const [answer] = await control.cancel(5, peer.call(5, '{"ms":60000}'));
  assert.deepEqual([answer!.type, answer!.head.error], [0x85, "cancelled"]);
  assert.equal((answer!.head.details as { type: string }).type, "AbortError");
  assert.equal((await peer.call(6, '{"ms":1}')).at(-1)!.type, 0x84);
});

testEach("PONG tells memory, calls, and the age of the oldest", async (engine) => {
  await using running = await start(engine, "wait");
  const peer = await running.welcomed(), control = await running.welcomed("control");
  const vitals = async () => {
    control.write(frame(5, 1, {}));
    return (await control.next())!.head as Record<string, number>;
  };
  const idle = await vitals();
  assert.deepEqual([idle.calls, idle.oldest_call_ms], [0, 0]);
  assert.ok(idle.rss! > 1e7, String(idle.rss));
  const answer = peer.call(6, '{"ms":60000}');
  await until(async () => (await vitals()).oldest_call_ms! >= 20, "a call of 20 ms");
  assert.equal((await vitals()).calls, 1);
  await control.cancel(6, answer);
});

testEach("a cancelled call that waits for its turn is answered at once", async (engine) => {
  await using running = await start(engine, "deaf");
  const [first, second] = [await running.welcomed(), await running.welcomed()];
  const control = await running.welcomed("control");
  await first.begin(1, '{"ms":60000}');
  const [answer] = await control.cancel(2, second.call(2, '{"ms":60000}'));
  assert.equal(answer!.head.error, "cancelled");
});

testEach("a cancelled call that ends in time is answered as usual", async (engine) => {
  await using running = await start(engine, "deaf");
  const peer = await running.welcomed(), control = await running.welcomed("control");
  await peer.begin(1, '{"ms":300}');
  assert.equal((await control.cancel(1, peer.answer()))[0]!.body, '"late"');
});

testEach("a cancelled call that goes on ends the process with 75", async (engine) => {
  await using running = await start(engine, "deaf", GRACE);
  const peer = await running.welcomed(), control = await running.welcomed("control");
  await peer.begin(1, '{"ms":60000}');
  control.write(frame(3, 1, {}));
  assert.equal(await running.ended(), 75);
  const { message } = running.lines().at(-1)!;
  assert.match(String(message), /did not end within 0.2 s; exiting with 75/);
  assert(!await exists(join(running.folder, "runtime-ready")));
});

testEach("calls beside a stuck one run to their own limit first", async (engine) => {
  await using running = await start(engine, "deaf", { ...GRACE, ASYA_CONCURRENCY: "2" });
  const [stuck, beside] = [await running.welcomed(), await running.welcomed()];
  const control = await running.welcomed("control");
  await stuck.begin(1, '{"ms":60000}');
  await beside.begin(2, '{"ms":700}');
  control.write(frame(3, 1, {}));
  assert.equal((await beside.answer())[0]!.body, '"late"');
  assert.equal(await running.ended(), 75);
});

testEach(
  "a call that blocks its thread beyond its limit ends the process with 75",
  async (engine) => {
    await using running = await start(engine, "block", GRACE);
    const peer = await running.welcomed();
    await peer.begin(1, '{"ms":60000}', 100);
    assert.equal(await running.ended(), 75);
    assert.match(String(running.lines().at(-1)!.message), /blocks its thread beyond its limit/);
  },
);

testEach(
  "a call that blocks ends with its process when runtime-ready is removed",
  async (engine) => {
    await using running = await start(engine, "block", GRACE);
    const peer = await running.welcomed();
    await peer.begin(1, '{"ms":60000}');
    await Deno.remove(join(running.folder, "runtime-ready"));
    assert.equal(await running.ended(), 75);
  },
);

testEach("a limit that passes harms nobody while the thread is not blocked", async (engine) => {
  await using running = await start(engine, "deaf", GRACE);
  const peer = await running.welcomed();
  await peer.begin(1, '{"ms":2000}', 10);
  assert.equal((await peer.answer())[0]!.body, '"late"');
});

/** Blocks while it is imported, as loading a model does; `go` ends that. */
const SLOW = `import { existsSync } from "node:fs";
while (!existsSync("go"));
export default (payload) => payload;
`;

function slow(engine: Parameters<typeof launch>[0], env = {}): Promise<Running> {
  return launch(engine, "./slow.mjs", env, { "slow.mjs": SLOW });
}

async function listening(running: Running): Promise<void> {
  await until(() => exists(join(running.folder, "asya-runtime.sock")), "the socket");
}

testEach("an import that blocks is announced each second, and then welcome", async (engine) => {
  await using running = await slow(engine);
  await listening(running);
  const peer = await running.hello("call"), control = await running.hello("control");
  for (let i = 0; i < 2; i++) {
    const { type, head } = (await peer.next())!;
    assert.deepEqual([type, head], [0x87, { message: "importing ./slow.mjs" }]);
  }
  assert(!await exists(join(running.folder, "runtime-ready")));
  control.write(frame(5, 3, {}));
  const old = running.exchange('{"payload":1,"route":{"actors":["a"]}}');
  await Deno.writeTextFile(join(running.folder, "go"), "");
  assert.equal(await old, '[{"payload":1,"route":{"actors":["a"],"current":1}}]');
  let next = await peer.next();
  while (next?.type === 0x87) next = await peer.next();
  assert.equal(next?.type, 0x81);
  assert.equal((await peer.call(1, " 1"))[0]!.body, " 1");
});

testEach("SIGTERM and DRAIN during an import that blocks end it at once", async (engine) => {
  for (const how of ["SIGTERM", "DRAIN"]) {
    await using running = await slow(engine);
    await listening(running);
    if (how === "SIGTERM") running.signal("SIGTERM");
    else (await running.hello("control")).write(frame(4, 0, {}));
    assert.equal(await running.ended(), 0);
    assert(!await exists(join(running.folder, "asya-runtime.sock")));
  }
});

testEach("SIGTERM without a sidecar ends it at once", async (engine) => {
  await using running = await start(engine, "echo");
  running.signal("SIGTERM");
  assert.equal(await running.ended(), 0);
  assert.deepEqual([...Deno.readDirSync(running.folder)], []);
});

testEach("after SIGTERM it serves until the last call connection is closed", async (engine) => {
  await using running = await start(engine, "echo");
  const peer = await running.welcomed();
  running.signal("SIGTERM");
  await until(() => running.stderr.includes("draining"), "the drain");
  assert.equal((await peer.call(1, "1"))[0]!.body, "1");
  await peer.close();
  assert.equal(await running.ended(), 0);
});

testEach("sidecar-done ends it after the call in flight", async (engine) => {
  await using running = await start(engine, "deaf");
  const peer = await running.welcomed(), control = await running.welcomed("control");
  await peer.begin(1, '{"ms":400}');
  control.write(frame(4, 0, {}));
  await Deno.writeTextFile(join(running.folder, "sidecar-done"), "");
  assert.equal((await peer.answer())[0]!.body, '"late"');
  assert.equal(await running.ended(), 0);
});

testEach("a version 1 sidecar is served until sidecar-done", async (engine) => {
  await using running = await start(engine, "echo");
  const message = '{"payload":1,"route":{"actors":["a"]}}';
  await running.exchange(message);
  running.signal("SIGTERM");
  await until(() => running.stderr.includes("draining"), "the drain");
  assert.match(await running.exchange(message), /"payload":1/);
  await Deno.writeTextFile(join(running.folder, "sidecar-done"), "");
  assert.equal(await running.ended(), 0);
});

testEach(
  "a call that outlives both graces is left behind, also one that blocks",
  async (engine) => {
    for (const handler of ["deaf", "block"]) {
      const env = { ...GRACE, ASYA_SHUTDOWN_GRACE: "100ms" };
      await using running = await start(engine, handler, env);
      const peer = await running.welcomed();
      await peer.begin(1, '{"ms":60000}');
      running.signal("SIGTERM");
      assert.equal(await running.ended(), 0);
      assert.match(String(running.lines().at(-1)!.message), /leaving calls behind/);
    }
  },
);

testEach("a socket on which another runtime listens is left to it", async (engine) => {
  await using running = await start(engine, "echo");
  await using second = await launch(engine, "echo", { ASYA_SOCKET_DIR: running.folder });
  assert.equal(await second.ended(), 1);
  assert.match(String(second.lines().at(-1)!.message), /another runtime listens there/);
  assert(await exists(join(running.folder, "runtime-ready")));
  const peer = await running.welcomed();
  assert.equal((await peer.call(1, "1"))[0]!.body, "1");
});

testEach("a process that ends leaves the files of its successor alone", async (engine) => {
  await using running = await start(engine, "echo");
  await Deno.remove(join(running.folder, "asya-runtime.sock"));
  await using second = await launch(engine, "echo", { ASYA_SOCKET_DIR: running.folder });
  await until(() => second.stderr.includes("handler is ready"), "the successor");
  running.signal("SIGTERM");
  assert.equal(await running.ended(), 0);
  assert(await exists(join(running.folder, "runtime-ready")));
  const peer = await running.welcomed();
  assert.equal((await peer.call(1, "1"))[0]!.body, "1");
});

testEach("what a killed process left is replaced", async (engine) => {
  await using running = await start(engine, "echo");
  running.signal("SIGKILL");
  await running.ended();
  await using next = await launch(engine, "echo", { ASYA_SOCKET_DIR: running.folder });
  await until(() => next.stderr.includes("handler is ready"), "readiness");
  const peer = await running.welcomed();
  assert.equal((await peer.call(1, "1"))[0]!.body, "1");
});

// On Deno and newer Node V8 itself ends the process then, without a word of ours.
Deno.test({
  name: "running out of memory ends the process in a line (node)",
  ignore: NODE.version === undefined,
  fn: async () => {
    const env = { NODE_OPTIONS: "--max-old-space-size=40" };
    const hog =
      "export default () => { const all = []; for (;;) all.push(Array(1000).fill(1.5)); };";
    await using running = await start(NODE, "./hog.mjs", env, { "hog.mjs": hog });
    const peer = await running.welcomed();
    peer.write(frame(2, 1, {}, "1"));
    const code = await running.ended();
    if (code === 1) assert.match(String(running.lines().at(-1)!.message), /memory/);
    else assert.match(running.stderr, /out of memory/, `exit code ${code}`);
  },
});
