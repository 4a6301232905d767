/** The program `asya`. @module */

import type { Command, Io } from "./command.ts";
import { call } from "./commands/call.ts";
import { deploy, undeploy } from "./commands/deploy.ts";
import { dev } from "./commands/dev.ts";
import { dlq } from "./commands/dlq.ts";
import { keys } from "./commands/keys.ts";
import { plugin } from "./commands/plugin.ts";
import { send } from "./commands/send.ts";
import { trace } from "./commands/trace.ts";
import { run } from "./run.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  dev,
  call,
  send,
  trace,
  dlq,
  keys,
  plugin,
  deploy,
  undeploy,
];

const encoder = new TextEncoder();

function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let sent = 0; sent < bytes.length;) sent += to.writeSync(bytes.subarray(sent));
}

/** The first Ctrl-C (or SIGTERM, or a closed terminal) asks, the second one ends. */
function interruptions(): AbortSignal {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, onSignal);
  }
  return controller.signal;
}

if (import.meta.main) {
  const io: Io = {
    out: (text) => writeAll(Deno.stdout, `${text}\n`),
    note: (text) => writeAll(Deno.stderr, `${text}\n`),
    readInput: () => new Response(Deno.stdin.readable).text(),
    env: Deno.env.toObject(),
    interrupted: interruptions(),
  };
  Deno.exit(await run(COMMANDS, Deno.args, io));
}
