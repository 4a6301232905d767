/** The JavaScript runtime conforms on Node and on Deno. */

import { conformsTo, findCommand, here } from "./testing.ts";

const node = findCommand("node", "--version");
const RUNTIME = here("../node/asya_runtime.mjs");
const HANDLER = `${here("handlers/handlers.mjs")}:{}`;

Deno.test({
  name: `asya_runtime.mjs on Node conforms to PROTOCOL.md${node ? "" : " (no node here)"}`,
  ignore: node === undefined,
  fn: () => conformsTo({ command: [node!, RUNTIME], handler: HANDLER }),
});

Deno.test("asya_runtime.mjs on Deno conforms to PROTOCOL.md where Deno could differ", async () => {
  const command = [Deno.execPath(), "run", "-A", "--no-config", RUNTIME];
  await conformsTo({ command, handler: HANDLER }, [], [
    "version 1",
    "version 2",
    "framing",
    "payload fidelity",
    "cancel",
    "streaming",
    "out of memory",
    "crash",
  ]);
});
