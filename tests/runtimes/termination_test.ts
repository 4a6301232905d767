/** Scale-in and time-outs, with a real sidecar and a real Python runtime, each a process. */

import assert from "node:assert/strict";
import { Pod } from "./pod.ts";

/** Notes each call with its attempt, then waits until a file is there, a minute at most. */
const CODE = `
import os, time
import asya

STAGE = os.environ["STAGE"]

def process(payload):
    context = asya.context()
    with open(STAGE + "/calls", "a") as calls:
        calls.write(f"{context['id']} {context['attempt']}\\n")
    end = time.monotonic() + 60
    while "until" in payload and time.monotonic() < end:
        if os.path.exists(STAGE + "/" + payload["until"]):
            break
        time.sleep(0.01)
    return payload
`;

/** What the pods of these tests take their envelopes from, those that this machine has. */
function transports(): readonly { name: string; env?: Readonly<Record<string, string>> }[] {
  const url = Deno.env.get("ASYA_TEST_RABBITMQ_URL");
  if (!url) return [{ name: "sqlite" }];
  const prefix = `pod-${crypto.randomUUID().slice(0, 8)}`;
  const rabbitmq = {
    ASYA_TRANSPORT: "rabbitmq",
    ASYA_RABBITMQ_URL: url,
    ASYA_QUEUE_PREFIX: prefix,
  };
  return [{ name: "sqlite" }, { name: "rabbitmq", env: rabbitmq }];
}

for (const { name, env: carrier } of transports()) {
  const transport = carrier ? { transport: carrier } : {};

  Deno.test(`SIGTERM: a handler that works for long finishes, is acknowledged once, and what has not begun goes back (${name})`, async () => {
    await using pod = await Pod.start({ code: CODE, ...transport });
    await pod.ready();
    await pod.send({ id: "long", payload: { until: "go" } }, { id: "later", payload: {} });
    await pod.until("the call has begun", async () => await pod.read("calls") === "long 1\n");

    const gone = Promise.all([pod.sidecar.stop(), pod.runtime.stop()]);
    await pod.until("what has not begun is back", async () => await pod.waiting("work") === 1);
    assert.equal((await pod.health()).trouble, "draining");
    assert.equal(await pod.waiting("work"), 1, "nobody else can take the one that is worked on");
    await pod.write("go");

    assert.deepEqual(await gone, [0, 0]);
    assert.equal((await pod.take("next")).id, "long");
    assert.equal((await pod.take("work")).id, "later");
    for (const actor of ["next", "work"] as const) assert.equal(await pod.waiting(actor), 0);
    assert.equal(await pod.read("calls"), "long 1\n");
  });

  Deno.test(`SIGTERM: a handler beyond its grace is reported, and its envelope is back with its attempt counted (${name})`, async () => {
    const env = { ASYA_SHUTDOWN_GRACE: "1s", ASYA_CANCEL_GRACE: "1s" };
    await using pod = await Pod.start({ code: CODE, env, ...transport });
    await pod.ready();
    await pod.send({ id: "endless", payload: { until: "go" } });
    await pod.until("the call has begun", async () => await pod.read("calls") === "endless 1\n");

    const [sidecar, runtime] = await Promise.all([pod.sidecar.stop(), pod.runtime.stop()]);
    assert.equal(sidecar, 0);
    assert.ok([0, 75].includes(runtime), `the runtime ended with ${runtime}`);
    const told = pod.sidecar.tail().split("\n").find((line) => line.includes('"id":"endless"'));
    assert.match(told ?? "nothing", /beyond ASYA_SHUTDOWN_GRACE/);
    assert.equal(await pod.waiting("work"), 1);
    assert.equal(await pod.waiting("error-end"), 0);

    await pod.write("go");
    await Promise.all([pod.sidecar.start(), pod.runtime.start()]);
    assert.equal((await pod.take("next")).id, "endless");
    assert.equal(await pod.read("calls"), "endless 1\nendless 2\n");
    await pod.until("nothing is left", async () => await pod.waiting("work") === 0);
  });
}

Deno.test("a time-out settles the envelope first, leaves the call beside it its own limit, and restarts the handler alone", async () => {
  const env = { ASYA_RUNTIME_TIMEOUT: "6s", ASYA_CANCEL_GRACE: "500ms", ASYA_CONCURRENCY: "2" };
  await using pod = await Pod.start({ code: CODE, env });
  await pod.ready();
  const [sidecarPid, runtimePid] = [pod.sidecar.pid, pod.runtime.pid];
  const oldestIs = (seconds: number) =>
    pod.until(`a call is ${seconds} s old`, async () => {
      return (await pod.metric("runtime_oldest_call_seconds") ?? 0) >= seconds;
    });
  await pod.send({ id: "slow", payload: { until: "never" } });
  await oldestIs(3.5);
  await pod.send({ id: "beside", payload: { until: "go" } });

  const failed = await pod.take("error-end");
  assert.deepEqual([failed.id, failed.payload.error], ["slow", "timeout_error"]);
  assert.equal(pod.runtime.pid, runtimePid, "settled while the handler still runs");
  // The grace of the first is over; the second has more than two seconds left.
  await oldestIs(6.8);
  assert.equal(pod.runtime.pid, runtimePid, "the call beside it keeps the process");
  await pod.write("go");
  assert.equal((await pod.take("next")).id, "beside");

  await pod.send({ id: "after", payload: {} });
  assert.equal((await pod.take("next")).id, "after");
  assert.notEqual(pod.runtime.pid, runtimePid);
  assert.equal(pod.sidecar.pid, sidecarPid);
  assert.equal(await pod.read("calls"), "slow 1\nbeside 1\nafter 1\n");
  assert.equal(await pod.waiting("work"), 0);
});
