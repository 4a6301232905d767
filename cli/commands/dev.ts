/** `asya dev`: run a folder of actors on this machine. */

import { type Local, LocalError, startLocal } from "@asya/local";
import { relative } from "node:path";
import { type Command, text, UsageError } from "../command.ts";

function port(value: string): number {
  const number = /^[0-9]{1,5}$/.test(value) ? Number(value) : NaN;
  if (!(number <= 65_535)) throw new UsageError(`--port ${value} is no port: give 0 to 65535`);
  return number;
}

function interruption(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

async function tellReady(local: Local, began: number, stopping: AbortSignal): Promise<void> {
  try {
    await local.ready();
    local.say(`ready in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  } catch (error) {
    // Its own lines have said why; the others run, and saving the file starts it again.
    if (!(error instanceof LocalError)) throw error;
    if (!stopping.aborted) local.say(error.message);
  }
}

/** The command. */
export const dev: Command = {
  name: "dev",
  summary: "run a folder of actors on this machine, reloading what changes",
  usage: "dev DIR [--port N]",
  examples: [
    ["dev examples/hello", "run every actor in the folder; Ctrl-C stops"],
    ["dev . --port 0", "with the gateway on any free port"],
    ["dev .", "on a broker, where ASYA_TRANSPORT and its address are in the environment"],
  ],
  options: {
    port: { type: "string", value: "N", help: "of the gateway on 127.0.0.1 (default: 8080)" },
  },
  async run(input, io) {
    const [dir, ...more] = input.positionals;
    if (dir === undefined || more.length > 0) throw new UsageError("give one folder");
    const began = performance.now();
    const live = Deno.stdout.isTerminal();
    const local = await startLocal({
      dir,
      port: port(text(input, "port", "8080")),
      console: live ? "live" : "lines",
      env: io.env,
    });
    const broker = local.transport === "sqlite" ? "" : `   queues ${local.transport}`;
    local.say(`gateway ${local.url}   results ${relative(Deno.cwd(), local.resultsDir)}${broker}`);
    const [tool] = local.tools();
    if (tool !== undefined) local.say(`try: asya call ${tool} --dir ${dir} --wait`);
    void tellReady(local, began, io.interrupted);
    await interruption(io.interrupted);
    local.say("stopping: finishing what is in flight (Ctrl-C again: at once)");
    await local.stop();
    io.note("stopped; nothing keeps running");
    return 0;
  },
};
