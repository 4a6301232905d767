import assert from "node:assert/strict";
import { parseAllowedHosts } from "./allowed_hosts.ts";
import { HostMemory } from "./host_memory.ts";
import { type HostOptions, HostSide } from "./host_side.ts";
import type { HttpReply } from "./http.ts";
import { ActorState } from "./state.ts";
import { Bridge, get, MAX_BODY_BYTES } from "./testdata/host_bridge.ts";
import { serve } from "./testdata/host_server.ts";
import { soon, until } from "./testdata/host_soon.ts";
import type { Outcome, Step } from "./testdata/host_worker.ts";

const text = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);
const bodyOf = ({ returned }: Outcome, step = 0) => text((returned[step] as HttpReply).body);

/** A worker with its host, whose own time limit is longer than a test's patience, and a server that the guest may call. */
class Rig implements AsyncDisposable {
  readonly bridge = new Bridge();
  readonly partials: string[] = [];
  readonly side: HostSide;
  readonly #server: ReturnType<typeof serve>;
  readonly url: string;
  /** Whether the pool would say that a call is over. */
  endsCalls = true;

  constructor(handle: Deno.ServeHandler, options: Partial<HostOptions> = {}) {
    this.#server = serve(handle);
    this.url = `http://127.0.0.1:${this.#server.port}`;
    this.side = new HostSide(this.bridge.shared, {
      allowed: parseAllowedHosts([`private:127.0.0.1:${this.#server.port}`]),
      state: new ActorState(10_000),
      maxReplyBytes: MAX_BODY_BYTES,
      timeoutMs: 60_000,
      ...options,
    });
    this.bridge.onMessage = (message) =>
      this.side.receive(message, {
        partial: (body) => this.partials.push(`${message.call} ${text(body)}`),
      });
  }

  async run(steps: readonly Step[], limitMs?: number): Promise<Outcome> {
    const outcome = await this.bridge.run(steps, limitMs);
    if (this.endsCalls) this.side.end(outcome.call);
    return outcome;
  }

  async [Symbol.asyncDispose]() {
    this.bridge[Symbol.dispose]();
    await soon(this.side.close(), "the end of all exchanges");
    await this.#server[Symbol.asyncDispose]();
  }
}

Deno.test("HostSide answers HTTP, state, partial results; metrics stay with the worker", async () => {
  await using rig = new Rig(async (request) =>
    new Response(`${request.method} ${await request.text()}`, { headers: { "x-a": "b" } })
  );
  const body = new TextEncoder().encode("hello");
  const outcome = await rig.run([
    { http: { ...get(rig.url), method: "POST", body } },
    { get: "key" },
    { set: "key", value: body.subarray(1, 3) },
    { get: "key" },
    { set: "key" },
    { get: "key" },
    { partial: body },
    { metric: "size", value: 5 },
  ]);
  assert.equal(outcome.error, undefined);
  const [reply, nothing, , value, , again] = outcome.returned;
  assert.equal((reply as HttpReply).status, 200);
  assert.equal((reply as HttpReply).headers["x-a"], "b");
  assert.equal(bodyOf(outcome), "POST hello");
  assert.deepEqual([nothing, value, again], [undefined, new TextEncoder().encode("el"), undefined]);
  assert.deepEqual(rig.partials, ["1 hello"]);
  assert.deepEqual(outcome.metrics, [{ name: "size", value: 5, labels: {} }]);
});

Deno.test("HostSide shares state between the workers of an actor, and refuses what it refuses", async () => {
  const state = new ActorState(1_000);
  await using one = new Rig(() => new Response(), { state });
  await using other = new Rig(() => new Response(), { state });
  await one.run([{ set: "k", value: new Uint8Array([1]) }]);
  assert.deepEqual((await other.run([{ get: "k" }])).returned, [new Uint8Array([1])]);
  const full = await other.run([{ set: "k", value: new Uint8Array(1_000) }]);
  assert.equal(full.error?.code, "host_limit");
  assert.deepEqual((await one.run([{ get: "k" }])).returned, [new Uint8Array([1])]);
  await using none = new Rig(() => new Response(), { state: new ActorState(0) });
  assert.equal((await none.run([{ get: "k" }])).error?.code, "denied");
});

Deno.test("HostSide hands a redirect to the guest, which may not follow it to a forbidden host", async () => {
  const location = "http://10.0.0.1/secret";
  await using rig = new Rig(() => new Response(null, { status: 307, headers: { location } }));
  const outcome = await rig.run([{ http: get(rig.url) }, { http: get(location) }]);
  const [redirect] = outcome.returned as [HttpReply];
  assert.equal(redirect.status, 307);
  assert.equal(redirect.headers["location"], location);
  assert.equal(outcome.error?.code, "denied");
  assert.match(outcome.error!.message, /10\.0\.0\.1 is not allowed: .*allowedHosts/);
});

Deno.test("HostSide hands over replies larger than the memory was, and refuses too large ones", async () => {
  await using rig = new Rig(({ url }) =>
    new Response("x".repeat(Number(new URL(url).searchParams.get("bytes"))))
  );
  const ask = (bytes: number) => rig.run([{ http: get(`${rig.url}/?bytes=${bytes}`) }]);
  const before = rig.bridge.shared.byteLength;
  assert.equal(bodyOf(await ask(1_900_000)).length, 1_900_000);
  assert.ok(before < 100_000 && rig.bridge.shared.byteLength > 1_900_000);
  assert.equal((await ask(MAX_BODY_BYTES + 1)).error?.code, "host_limit");
  assert.equal(bodyOf(await ask(3)), "xxx");
});

Deno.test("HostSide says of what failed its code, type and reason", async () => {
  await using rig = new Rig(() => new Promise(() => {}), { timeoutMs: 50 });
  const { error } = await rig.run([{ http: get(rig.url) }]);
  assert.equal(error?.code, "guest_error");
  assert.equal(error?.type, "HttpError");
  assert.match(error!.message, /no whole reply within 50 ms/);
});

Deno.test("HostSide.end() leaves the server of a call that was interrupted while it waited", async () => {
  const left = Promise.withResolvers<void>();
  await using rig = new Rig(({ url, signal }) => {
    if (url.endsWith("/next")) return new Response("next");
    signal.addEventListener("abort", () => left.resolve());
    return new Promise(() => {});
  });
  const outcome = await rig.run([{ http: get(rig.url) }], 500);
  assert.equal(outcome.error?.code, "timeout");
  await soon(left.promise, "the end of the connection");
  assert.equal(bodyOf(await rig.run([{ http: get(`${rig.url}/next`) }])), "next");
  const spun = await rig.run([{ http: get(`${rig.url}/next`) }, { spin: true }], 300);
  assert.equal(spun.error?.code, "timeout", "after a reply too");
  assert.equal(bodyOf(await rig.run([{ http: get(`${rig.url}/next`) }])), "next");
});

Deno.test("HostSide.end() frees a worker whose call nobody wants any more", async () => {
  const asked = Promise.withResolvers<void>();
  await using rig = new Rig(() => {
    asked.resolve();
    return new Promise(() => {});
  });
  const running = rig.run([{ http: get(rig.url) }, { partial: new Uint8Array() }]);
  await soon(asked.promise, "the request");
  rig.side.end(99);
  rig.side.end(1);
  const { error } = await running;
  assert.equal(error?.code, "cancelled");
  assert.deepEqual(rig.partials, [], "its error ends the call");
});

Deno.test("HostSide answers the next call right after a reply came too late for one before", async () => {
  const release = Promise.withResolvers<void>();
  await using rig = new Rig(async ({ url }) => {
    if (url.endsWith("/slow")) await release.promise;
    return new Response(new URL(url).pathname);
  });
  rig.endsCalls = false;
  const memory = new HostMemory(rig.bridge.shared);
  assert.equal((await rig.run([{ http: get(`${rig.url}/slow`) }], 500)).error?.code, "timeout");
  assert.equal(memory.answered, 0);
  release.resolve();
  await until(() => memory.answered === 1, "the late reply");
  const next = await rig.run([{ get: "k" }, { http: get(`${rig.url}/next`) }]);
  assert.equal(next.returned[0], undefined);
  assert.equal(bodyOf(next, 1), "/next");
});

Deno.test("HostSide drops what still runs when its worker asks again", async () => {
  const left = Promise.withResolvers<void>();
  await using rig = new Rig(({ url, signal }) => {
    if (url.endsWith("/next")) return new Response("next");
    signal.addEventListener("abort", () => left.resolve());
    return new Promise(() => {});
  });
  rig.endsCalls = false;
  assert.equal((await rig.run([{ http: get(`${rig.url}/slow`) }], 500)).error?.code, "timeout");
  const next = await rig.run([{ http: get(`${rig.url}/next`) }]);
  assert.equal(bodyOf(next), "next");
  await soon(left.promise, "the end of the connection");
  rig.side.end(1);
  assert.equal(bodyOf(await rig.run([{ http: get(`${rig.url}/next`) }])), "next");
});

Deno.test("HostSide gives each call its own replies, wherever 300 calls are interrupted", async () => {
  await using rig = new Rig(({ url }) =>
    new Response(new URL(url).pathname.slice(1).padEnd(1_000_000, "."))
  );
  let interrupted = 0;
  for (let i = 1; i <= 300; i++) {
    rig.endsCalls = i % 3 > 0;
    const ask = (step: number) => ({ http: get(`${rig.url}/${i}-${step}`) });
    const { returned, error } = await rig.run([ask(0), ask(1), ask(2)], 1 + i % 12);
    if (error) {
      assert.equal(error.code, "timeout", error.message);
      interrupted++;
    }
    for (const [step, reply] of (returned as HttpReply[]).entries()) {
      assert.equal(reply.body.length, 1_000_000);
      assert.ok(text(reply.body.subarray(0, 20)).startsWith(`${i}-${step}.`));
    }
  }
  assert.ok(interrupted > 0, "some are interrupted");
  assert.equal(bodyOf(await rig.run([{ http: get(`${rig.url}/last`) }])).slice(0, 5), "last.");
});

Deno.test("HostSide.close() frees the worker that waits, and refuses what comes later", async () => {
  const asked = Promise.withResolvers<void>();
  await using rig = new Rig(() => {
    asked.resolve();
    return new Promise(() => {});
  });
  const running = rig.run([{ http: get(rig.url) }]);
  await soon(asked.promise, "the request");
  await soon(rig.side.close(), "the end of the exchange");
  assert.equal((await running).error?.code, "closed");
  assert.equal((await rig.run([{ get: "k" }])).error?.code, "closed");
});
