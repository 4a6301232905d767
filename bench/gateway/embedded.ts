/** A gateway in the process of the bench, on a store on disk, with one tool and no broker. */

import { createGateway, type Gateway, openSqliteStore, type Tool } from "@asya/gateway";
import { createLogger } from "@asya/telemetry";

/** Runs `measure` with one that has begun, and removes it. */
export async function withGateway<T>(
  tool: Tool,
  measure: (gateway: Gateway) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  const store = openSqliteStore(`${folder}/store.sqlite`);
  const tools = new Map([[tool.name, tool]]);
  const gateway = createGateway({
    store,
    publish: (out) => Promise.resolve(out.map(() => ({ ok: true }))),
    tools: () => tools,
    log: createLogger({ level: "error" }),
  });
  gateway.start();
  try {
    return await measure(gateway);
  } finally {
    await gateway.close();
    await store.close();
    await Deno.remove(folder, { recursive: true });
  }
}
