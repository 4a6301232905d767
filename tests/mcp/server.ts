/** A server for the conformance suite, of the gateway's own parts. */

import { createLogger } from "@asya/telemetry";
import { Hono } from "hono";
import { addGuards } from "../../gateway/guard.ts";
import { problemResponse, toGatewayError } from "../../gateway/http/problem.ts";
import { Publisher } from "../../gateway/publisher.ts";
import { openSqliteStore } from "../../gateway/store/sqlite.ts";
import { toolsFrom } from "../../gateway/testing/harness.ts";
import { Actors, CONFORMANCE_TOOLS } from "./actors.ts";
import { FixtureEndpoint } from "./fixtures.ts";

/** A running server. */
export interface ConformanceServer extends AsyncDisposable {
  /** Of its endpoint. */
  readonly url: string;
}

/** Starts it on a free port of this machine. */
export async function startConformanceServer(): Promise<ConformanceServer> {
  const store = openSqliteStore(":memory:");
  const actors = new Actors(store);
  const log = createLogger({ level: "error" });
  const stopping = new AbortController();
  const now = Date.now;
  const publisher = new Publisher({ store, publish: (out) => actors.publish(out), log, now });
  const tools = await toolsFrom(CONFORMANCE_TOOLS);
  const endpoint = new FixtureEndpoint({
    store,
    publisher,
    tools: () => tools,
    now,
    log,
    stopping: stopping.signal,
  });
  const app = new Hono();
  app.onError((error) => {
    const known = toGatewayError(error);
    if (known === undefined) throw error;
    return problemResponse(known);
  });
  addGuards(app, { store, now, loopback: true, metrics: undefined });
  endpoint.addTo(app);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  return {
    url: `http://127.0.0.1:${server.addr.port}/mcp`,
    async [Symbol.asyncDispose]() {
      actors[Symbol.dispose]();
      stopping.abort();
      await endpoint.close();
      await server.shutdown();
      await publisher.idle();
      await actors.idle();
      await store.close();
    },
  };
}
