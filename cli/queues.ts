/** The queues of a folder, for commands that work beside a running `dev` or without one. */

import { carrierEnv, openCarrier, statePaths } from "@asya/local";
import { createLogger } from "@asya/telemetry";
import type { Transport } from "@asya/transport";
import { CommandError, type Input, type Io } from "./command.ts";
import { folderOf } from "./gateway_client.ts";

/** @throws CommandError when the queue is the folder's own, and `dev` never ran there */
export async function openQueues(input: Input, io: Io): Promise<Transport> {
  const dir = await Deno.realPath(folderOf(input)).catch(() => folderOf(input));
  const path = statePaths(dir).database;
  const carrier = carrierEnv(io.env, path);
  const log = createLogger({ level: "error" });
  if (carrier["ASYA_TRANSPORT"] !== "sqlite") return await openCarrier(carrier, log);
  try {
    await Deno.stat(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory)) {
      throw cause;
    }
    const next = "start `asya dev DIR` once, or say where it ran with --dir DIR";
    throw new CommandError(`there is no queue in ${dir}`, next, { cause });
  }
  return await openCarrier(carrier, log);
}
