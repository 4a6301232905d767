/**
 * A pod as processes: a sidecar and a Python runtime beside it in one folder, on queues that the
 * test reads and writes itself. The runtime is started again when it ends, as the kubelet does.
 */

import assert from "node:assert/strict";
import { readSettings } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { openTransport, type Queue, type Transport, TRANSPORT_SETTINGS } from "@asya/transport";
import { Child } from "../chaos/process.ts";
import { waitFor } from "../chaos/wait.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const READY_MS = 60_000;
const ACTORS = ["work", "next", "happy-end", "error-end"] as const;

/** An actor of the stage; the pod's own is `work`. */
export type Actor = typeof ACTORS[number];

/** JSON as a test reads it. */
// deno-lint-ignore no-explicit-any -- a test looks into whatever came
export type Json = any;

/** What runs in it. */
export interface PodOptions {
  /** `handler.py`; ASYA_HANDLER is `handler.process` where `env` says no other. */
  readonly code?: string;
  /** For both processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** The interpreter; default `python3`. */
  readonly python?: string;
  /** Variables of the transport; default: an embedded one of its own. */
  readonly transport?: Readonly<Record<string, string>>;
}

/** A running pod; all of it is gone afterwards. */
export class Pod implements AsyncDisposable {
  private constructor(
    readonly dir: string,
    readonly sidecar: Child,
    readonly runtime: Child,
    private readonly transport: Transport,
    private readonly stack: AsyncDisposableStack,
  ) {}

  /** Starts both processes; neither need be ready. */
  static async start(options: PodOptions): Promise<Pod> {
    const { code, env = {}, python = "python3" } = options;
    await using stack = new AsyncDisposableStack();
    const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-pod-" }));
    stack.defer(() => Deno.remove(dir, { recursive: true }));
    if (code !== undefined) await Deno.writeTextFile(`${dir}/handler.py`, code);
    const carrier = options.transport ??
      { ASYA_TRANSPORT: "sqlite", ASYA_SQLITE_PATH: `${dir}/queue.db` };
    const settings = readSettings(TRANSPORT_SETTINGS, carrier);
    const transport = await openTransport(settings, createLogger({ level: "error" }));
    stack.defer(() => transport.close());
    for (const actor of ACTORS) await transport.queue(actor).declare(actor);
    const common = {
      NO_COLOR: "1",
      ASYA_SOCKET_DIR: `${dir}/socket`,
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONPATH: dir,
      STAGE: dir,
      ...env,
    };
    await Deno.mkdir(`${dir}/socket`);
    const sidecar = stack.use(
      new Child({
        name: "sidecar",
        dir,
        command: [Deno.execPath(), "run", "-A", `${ROOT}sidecar/main.ts`],
        env: {
          ...common,
          ASYA_ACTOR_NAME: "work",
          ...carrier,
          ASYA_METRICS_ADDR: "127.0.0.1:0",
        },
      }),
    );
    const runtime = stack.use(
      new Child({
        name: "runtime",
        dir,
        command: [python, `${ROOT}runtime/python/asya_runtime.py`],
        env: { ASYA_HANDLER: "handler.process", ...common },
        keep: true,
      }),
    );
    const pod = new Pod(dir, sidecar, runtime, transport, stack.move());
    try {
      await Promise.all([sidecar.start(), runtime.start()]);
      return pod;
    } catch (error) {
      await pod[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What the sidecar answers at a path of its metrics address. */
  async get(path: string): Promise<string> {
    const [, port] = await this.sidecar.line(/"message":"started".*"port":(\d+)/);
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return await answer.text();
  }

  /** `/health/ready`. */
  async health(): Promise<Json> {
    return JSON.parse(await this.get("/health/ready"));
  }

  /** One metric's value; undefined while it is not shown. */
  async metric(name: string): Promise<number | undefined> {
    const line = new RegExp(`^asya_actor_${name}(?:\\{[^}]*\\})? (\\S+)$`, "m");
    const value = line.exec(await this.get("/metrics"))?.[1];
    return value === undefined ? undefined : Number(value);
  }

  /** Waits until the sidecar is ready. */
  async ready(): Promise<void> {
    await this.until("the sidecar is ready", async () => (await this.health()).ready);
  }

  /** Waits; says what both processes said where it was in vain. */
  async until(what: string, holds: () => boolean | Promise<boolean>, ms = READY_MS): Promise<void> {
    await waitFor(() => [what, this.sidecar.tail(), this.runtime.tail()].join("\n"), holds, ms);
  }

  /** Puts envelopes on the pod's queue. */
  async send(...envelopes: { readonly id: string; readonly payload: Json }[]): Promise<void> {
    const route = { actors: ["work", "next"], current: 0 };
    const out = envelopes.map(({ id, payload }) => ({
      actor: "work",
      messageId: id,
      body: new TextEncoder().encode(JSON.stringify({ id, route, payload })),
    }));
    const results = await this.queue("work").send(out);
    assert.ok(results.every(({ ok }) => ok));
  }

  /** Takes the next envelope that an actor gets. */
  async take(actor: Actor): Promise<Json> {
    const signal = AbortSignal.timeout(READY_MS);
    const queue = this.queue(actor);
    for await (const delivery of queue.receive({ prefetch: () => 1, signal })) {
      await queue.complete(delivery, []);
      return JSON.parse(new TextDecoder().decode(delivery.body));
    }
    assert.fail(
      [`${actor} got nothing`, this.sidecar.tail(), this.runtime.tail()].join("\n"),
    );
  }

  /** Messages of an actor that anybody could take. */
  async waiting(actor: Actor): Promise<number> {
    return (await this.queue(actor).depth(actor)).ready;
  }

  /** Has a handler that waits for this file go on. */
  async write(name: string, text = ""): Promise<void> {
    await Deno.writeTextFile(`${this.dir}/${name}`, text);
  }

  /** A file that a handler wrote; empty while there is none. */
  async read(name: string): Promise<string> {
    try {
      return await Deno.readTextFile(`${this.dir}/${name}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.runtime.letGo();
    await this.stack.disposeAsync();
  }

  private queue(actor: Actor): Queue {
    return this.transport.queue(actor);
  }
}
