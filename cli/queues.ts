/** The embedded queue of a folder, for commands that work beside a running `dev` or without one. */

import { statePaths } from "@asya/local";
import { createLogger } from "@asya/telemetry";
import { openSqliteTransport, type Transport } from "@asya/transport";
import { CommandError, type Input } from "./command.ts";
import { folderOf } from "./gateway_client.ts";

/** @throws CommandError when `dev` never ran there */
export async function openQueueFile(input: Input): Promise<Transport> {
  const dir = await Deno.realPath(folderOf(input)).catch(() => folderOf(input));
  const path = statePaths(dir).database;
  try {
    await Deno.stat(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory)) {
      throw cause;
    }
    const next = "start `asya dev DIR` once, or say where it ran with --dir DIR";
    throw new CommandError(`there is no queue in ${dir}`, next, { cause });
  }
  return openSqliteTransport({ path, log: createLogger({ level: "error" }) });
}
