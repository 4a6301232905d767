/** A gateway over a store in memory whose queue is a list, for tests and benches. */

import { createLogger } from "@asya/telemetry";
import type { Outgoing, SendResult } from "@asya/transport";
import { createGateway, type Gateway, type GatewayOptions } from "../gateway.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { loadTools } from "../tools/load.ts";
import type { ToolSet } from "../tools/tool.ts";

/** A gateway and what it did. */
export interface Harness extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly store: Store;
  /** Everything that was put on a queue. */
  readonly sent: Outgoing[];
  readonly logged: string[];
  /** A request without a socket; a body that is no text is sent as JSON. */
  request(method: string, path: string, body?: unknown): Promise<Response>;
  /** Calls a tool over HTTP and waits until it is published; the envelope's id. */
  call(tool: string, args: Record<string, unknown>): Promise<string>;
}

/** Waits for a condition. @throws Error after five seconds */
export async function until(what: string, condition: () => unknown): Promise<void> {
  const end = Date.now() + 5_000;
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`it did not come true within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Tools from the text of a tools file. */
export async function toolsFrom(yaml: string): Promise<ToolSet> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, yaml);
    return await loadTools(path);
  } finally {
    await Deno.remove(path);
  }
}

/** Three tools: `echo` with one actor, `pair` with two, `short` that times out after a second. */
export const TOOLS = `
routes: { two: [prep, infer] }
tools:
  - name: echo
    description: Gives back
    parameters: { text: { type: string, required: true }, n: { type: integer } }
    route: [prep]
    timeout: 60
  - { name: pair, route: two, parameters: { any: { type: object } } }
  - { name: short, route: [prep], timeout: 1 }
`;

/** Starts a gateway; `await using` stops it. */
export async function startHarness(
  options: Partial<GatewayOptions> & { readonly yaml?: string } = {},
): Promise<Harness> {
  const { yaml = TOOLS, ...rest } = options;
  const store = options.store ?? openSqliteStore(":memory:");
  const sent: Outgoing[] = [];
  const logged: string[] = [];
  const tools = await toolsFrom(yaml);
  const gateway = createGateway({
    store,
    tools: () => tools,
    publish: (out) => {
      sent.push(...out);
      return Promise.resolve(out.map((): SendResult => ({ ok: true })));
    },
    log: createLogger({ level: "debug", write: (line) => logged.push(line) }),
    ...rest,
  });
  gateway.start();
  const harness: Harness = {
    gateway,
    store,
    sent,
    logged,
    async request(method, path, body) {
      const headers = { "content-type": "application/json", host: "localhost" };
      const text = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(
        body,
      );
      return await gateway.app.request(path, {
        method,
        headers,
        ...body === undefined ? {} : { body: text as BodyInit },
      });
    },
    async call(tool, args) {
      const response = await harness.request("POST", "/tools/call", {
        name: tool,
        arguments: args,
      });
      const { envelope_id: id } = JSON.parse((await response.json()).content[0].text);
      await until("published", async () => (await store.head(id))?.publishAfter === undefined);
      return id;
    },
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await store.close();
    },
  };
  return harness;
}
