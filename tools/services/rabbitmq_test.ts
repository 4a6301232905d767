import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "amqplib";
import { findRabbitmq } from "./find_rabbitmq.ts";
import { descendants, processes, untilGone } from "./processes.ts";
import { type Rabbitmq, RabbitmqError, startRabbitmq } from "./rabbitmq.ts";
import { ServiceUnavailable } from "./unavailable.ts";

const found = await findRabbitmq();
const installed = typeof found !== "string" && found.kind === "installed";
const ignore = !installed || Deno.build.os !== "linux";
const why = ignore ? " (needs Linux and an installed RabbitMQ)" : "";

async function put(broker: Rabbitmq, queue: string, type: string): Promise<void> {
  const model = await connect(broker.url, { noDelay: true });
  const channel = await model.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": type } });
  channel.sendToQueue(queue, Buffer.from(queue), { persistent: true });
  await channel.waitForConfirms();
  await model.close();
}

/** Waits for what a fresh broker needs before a kill: see {@linkcode Rabbitmq.kill}. */
async function untilNamesSaved(broker: Rabbitmq): Promise<void> {
  assert.equal(await broker.eval("mnesia:sync_log()"), "ok");
  const file = JSON.parse(await broker.eval("dets:info(ra_directory_reverse, filename)"));
  const deadline = performance.now() + 10_000;
  for (;;) {
    const { buffer } = await Deno.readFile(file);
    if (new DataView(buffer).getUint32(8) === 1) return; // "properly closed", in Erlang's format
    assert.ok(performance.now() < deadline, `${file} was not saved`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function take(broker: Rabbitmq, queue: string): Promise<string> {
  const model = await connect(broker.url, { noDelay: true });
  const channel = await model.createChannel();
  const message = await channel.get(queue, { noAck: true });
  await model.close();
  assert.ok(message, `nothing on ${queue}`);
  return new TextDecoder().decode(message.content);
}

Deno.test(
  { name: `startRabbitmq() gives a broker to kill, stop, start, starve${why}`, ignore },
  async (t) => {
    const broker = await startRabbitmq({ conf: ["consumer_timeout = 12345"] });
    const dir = (await broker.eval(`os:getenv("HOME")`)).slice(1, -1);
    try {
      await t.step("its pid is the Erlang VM's, which reads the lines of conf", async () => {
        const name = await Deno.readTextFile(`/proc/${broker.pid}/comm`);
        assert.equal(name.trim(), "beam.smp");
        assert.equal(await broker.eval("os:getpid()"), `"${broker.pid}"`);
        assert.equal(
          await broker.eval("application:get_env(rabbit, consumer_timeout)"),
          "{ok,12345}",
        );
      });
      await t.step("no process shows its password", () => {
        const seen = processes();
        assert.ok(seen.some(({ pid }) => pid === broker.pid));
        assert.deepEqual(seen.filter((one) => one.arguments.includes(broker.password)), []);
      });
      await t.step("its shell and its names are on loopback, as its listeners", async () => {
        const ports = await broker.eval(
          '[inet:sockname(P) || P <- erlang:ports(), {name, "tcp_inet"} =:= erlang:port_info(P, name)]',
        );
        assert.match(ports, /\{127,0,0,1\}/);
        assert.doesNotMatch(ports, /\{0,0,0,0\}/);
      });
      await t.step("what is durable outlives kill() and stop()", async () => {
        await put(broker, "quorum", "quorum");
        await put(broker, "classic", "classic");
        await untilNamesSaved(broker);
        const { pid, port } = broker;
        await broker.kill();
        await untilGone([pid!]);
        assert.equal(broker.pid, undefined);
        await assert.rejects(broker.eval("ok"), RabbitmqError);
        await broker.start();
        assert.notEqual(broker.pid, pid);
        assert.equal(broker.port, port);
        assert.equal(await take(broker, "quorum"), "quorum");
        await broker.stop();
        await broker.start();
        assert.equal(await take(broker, "classic"), "classic");
      });
      await t.step("start() of one that runs rejects", async () => {
        await assert.rejects(broker.start(), /the broker is up/);
      });
      await t.step("alarm() raises and clears each resource's", async () => {
        for (const resource of ["memory", "disk"] as const) {
          await broker.alarm(resource, true);
          assert.match(await broker.eval("rabbit_alarm:get_alarms()"), new RegExp(`,${resource},`));
          await broker.alarm(resource, false);
          assert.equal(await broker.eval("rabbit_alarm:get_alarms()"), "[]");
        }
      });
      await t.step("eval() gives any text back and rejects what fails", async () => {
        assert.equal(await broker.eval(`X = "ä'\\"", {X, 1}`), `{"ä'\\"",1}`);
        await assert.rejects(broker.eval("lists:nth(0, [])"), /function_clause/);
        await assert.rejects(broker.eval("foo("), /syntax error/);
      });
    } finally {
      const { pid } = broker;
      await broker[Symbol.asyncDispose]();
      await untilGone([pid!]);
      await assert.rejects(Deno.stat(dir), Deno.errors.NotFound);
    }
  },
);

Deno.test(
  { name: `startRabbitmq() that fails shows the end of the log${why}`, ignore },
  async () => {
    const started = startRabbitmq({ conf: ["no_such_setting = 1"] });
    await assert.rejects(started, (error) => {
      assert.ok(error instanceof RabbitmqError);
      assert.match(error.message, /did not start.*code \d+[^]*no_such_setting/);
      return true;
    });
  },
);

for (const end of ["is killed", "throws"]) {
  Deno.test({ name: `startRabbitmq() ends with a holder that ${end}${why}`, ignore }, async () => {
    const module = new URL("./rabbitmq.ts", import.meta.url).href;
    const script = `const { startRabbitmq } = await import(${JSON.stringify(module)});
      const broker = await startRabbitmq();
      console.log(await broker.eval('os:getenv("HOME")'));
      await Deno.stdin.read(new Uint8Array(1));
      throw new Error("an end that nobody catches");`;
    const holder = new Deno.Command(Deno.execPath(), {
      args: ["eval", script],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = holder.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value: home } = await reader.read();
    const pids = descendants(holder.pid).map(({ pid }) => pid);
    assert.ok(pids.length >= 3, "the broker, the names and what holds them");
    if (end === "is killed") holder.kill("SIGKILL");
    await holder.stdin.close();
    await holder.status;
    await reader.cancel();
    await untilGone(pids);
    await Deno.remove(home!.trim().slice(1, -1), { recursive: true });
  });
}

Deno.test("startRabbitmq() says why there is none", async () => {
  const started = startRabbitmq({}, () => Promise.resolve("no RabbitMQ: it rains"));
  await assert.rejects(started, (error) => {
    assert.ok(error instanceof ServiceUnavailable);
    assert.equal(error.message, "no RabbitMQ: it rains");
    return true;
  });
});
