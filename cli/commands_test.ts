import assert from "node:assert/strict";
import { startLocal, statePaths } from "@asya/local";
import { openSqliteTransport } from "@asya/transport";
import { capture } from "./testing/capture.ts";
import { makeHello } from "./testing/hello.ts";

Deno.test("call, send and trace work with the dev of their folder", async () => {
  await using hello = await makeHello();
  const { dir } = hello;
  await using local = await startLocal({ dir, port: 0 });
  await local.ready();
  const at = ["--dir", dir];

  const waited = await capture(["call", "hello", "name=Ada", "--wait", ...at]);
  assert.deepEqual([waited.code, JSON.parse(waited.out)], [0, { message: "Hello, Ada!" }]);
  assert.match(waited.note, /100 % +succeeded/);

  const called = await capture(["call", "hello", "--json", "--url", local.url]);
  const { envelope_id: id } = JSON.parse(called.out);
  const traced = await capture(["trace", id, ...at]);
  assert.equal(traced.code, 0);
  assert.match(traced.out, /^envelope .*\nroute {4}hello-actor\n/);
  assert.match(traced.out, /result {3}\{"message":"Hello, world!"\}\n$/);
  const json = JSON.parse((await capture(["trace", id, "--json", ...at])).out);
  assert.deepEqual([json.status, json.result], ["succeeded", { message: "Hello, world!" }]);
  assert.ok(json.updates.length >= 2);

  const sent = await capture(["send", "hello-actor,hello-actor", "-", ...at], '{"name":"x"}');
  assert.equal(sent.code, 0);
  assert.ok(sent.note.startsWith(`next: asya trace ${sent.out.trim()} --dir ${dir}`), sent.note);
  const hops = await capture(["trace", sent.out.trim(), ...at]);
  assert.match(hops.out, /route {4}hello-actor -> hello-actor\n/);
  const hop = / hello-actor +(waited .* ms, )?answered in .* ms\n/g;
  assert.equal([...hops.out.matchAll(hop)].length, 2, hops.out);
  assert.match(hops.out, / ms {2}happy-end +succeeded\n/);
  assert.match(hops.out, /result {3}\{"message":"Hello, world!"\}\n$/);

  const failed = await capture(["send", "hello-actor", "5", ...at]);
  const why = await capture(["trace", failed.out.trim(), ...at]);
  assert.match(
    why.out,
    / hello-actor .*failed\n.* error-end +failed: processing_error at hello-a.*\n(.*\n)*error {4}"processing_error"/,
  );
});

Deno.test("call and send say what is wrong and what to try", async () => {
  await using hello = await makeHello();
  const { dir } = hello;
  await using local = await startLocal({ dir, port: 0 });
  await local.ready();
  const fails = async (argv: string[], code: number, note: RegExp) => {
    const result = await capture([...argv, "--dir", dir]);
    assert.deepEqual([result.code, result.out], [code, ""], argv.join(" "));
    assert.match(result.note, note);
  };
  await fails(["call", "helo"], 1, /there is no tool helo\nnext: did you mean hello\?/);
  await fails(["call", "hello", "nam=x"], 2, /has no argument nam; did you mean name\?/);
  await fails(["call", "hello", "name"], 2, /name is no argument: write name=value/);
  await fails(["send", "nobody", "1"], 1, /actor "nobody" has no queue/);
  await fails(["send", "hello-actor", "{nope"], 1, /the payload is no JSON/);
  await fails(["send", "Hello", "1"], 1, /"Hello" is no actor name/);
  await fails(["trace", "nope"], 1, /there is no envelope nope/);
});

Deno.test("commands say how to start dev where none runs", async () => {
  await using hello = await makeHello();
  const { dir } = hello;
  for (const argv of [["call", "hello"], ["trace", "x"]]) {
    const { code, note } = await capture([...argv, "--dir", dir]);
    assert.equal(code, 1);
    assert.match(note, /^asya: no dev runs in .*\nnext: start it with `asya dev DIR`/);
  }
  for (const argv of [["send", "hello-actor", "1"], ["dlq", "ls"]]) {
    const { code, note } = await capture([...argv, "--dir", dir]);
    assert.equal(code, 1);
    assert.match(note, /^asya: there is no queue in .*\nnext: start `asya dev DIR` once/);
  }
  const refused = await capture(["call", "hello", "--url", "http://127.0.0.1:1"]);
  assert.equal(refused.code, 1);
  assert.match(refused.note, /there is no gateway at http:\/\/127.0.0.1:1/);
});

Deno.test("dlq lists, shows and replays dead letters with their raw bytes", async () => {
  await using hello = await makeHello();
  const { dir } = hello;
  const garbage = "x".repeat(70_000); // too large to be wrapped as an error
  {
    await using local = await startLocal({ dir, port: 0 });
    await local.ready();
    const transport = openSqliteTransport({ path: statePaths(dir).database });
    const body = new TextEncoder().encode(garbage);
    await transport.queue("hello-actor").send([{ actor: "hello-actor", body, messageId: "g" }]);
    await transport.close();
    for (let i = 0; (await local.deadLetters("hello-actor").list(1)).length === 0; i++) {
      assert.ok(i < 1_000, "it becomes a dead letter");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const at = ["--dir", dir];
  const listed = await capture(["dlq", "ls", ...at]);
  const [, key] = /^hello-actor {2}(\S+) {2}.*70000 bytes {2}.*JSON/.exec(listed.out) ?? [];
  assert.ok(key, listed.out);
  assert.equal(listed.note, `next: asya dlq show hello-actor ${key} --dir ${dir}\n`);
  assert.equal((await capture(["dlq", "show", "hello-actor", key, ...at])).out, `${garbage}\n`);
  const json = JSON.parse(
    (await capture(["dlq", "show", "hello-actor", key, "--json", ...at])).out,
  );
  assert.equal(json.bytes, 70_000);

  const replayed = await capture(["dlq", "replay", "hello-actor", key, ...at]);
  assert.equal(replayed.out, "1 back on the queue of hello-actor\n");
  assert.equal((await capture(["dlq", "ls", "--json", ...at])).out, "[]\n");
  const again = await capture(["dlq", "replay", "hello-actor", key, ...at]);
  assert.deepEqual([again.code, /no dead letter/.test(again.note)], [1, true]);
  assert.equal((await capture(["dlq", "replay", "hello-actor", ...at])).code, 2);
  assert.equal((await capture(["dlq", "lst", ...at])).code, 2);
});
