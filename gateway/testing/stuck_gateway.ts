/**
 * A gateway process whose queue never answers, to be killed between storing and publishing:
 * `deno run stuck_gateway.ts STORE`. Prints its port, then a line for each message it was about to
 * send.
 */

import { createLogger } from "@asya/telemetry";
import { createGateway } from "../gateway.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { TOOLS, toolsFrom } from "./harness.ts";

const store = openSqliteStore(Deno.args[0]!);
const tools = await toolsFrom(TOOLS);
const gateway = createGateway({
  store,
  tools: () => tools,
  publish: (out) => {
    for (const { messageId } of out) console.log(`publishing ${messageId}`);
    return new Promise(() => {});
  },
  log: createLogger({ level: "error" }),
});
Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(`port ${port}`) },
  gateway.app.fetch,
);
gateway.start();
