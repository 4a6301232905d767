/** Whether a client of 2026-07-28 takes tasks: it says so in every request. */

import {
  CLIENT_CAPABILITIES_META_KEY,
  MissingRequiredClientCapabilityError,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { TASKS_EXTENSION } from "./task.ts";

/** Whether `_meta` of a request declares the extension. */
export function hasTasks(meta: unknown): boolean {
  const capabilities = Object(Object(meta)[CLIENT_CAPABILITIES_META_KEY]);
  return Object(capabilities.extensions)[TASKS_EXTENSION] !== undefined;
}

/** The same for a request that the SDK has taken apart. */
export function declaresTasks(ctx: ServerContext): boolean {
  return hasTasks(ctx.mcpReq.envelope);
}

/** The error for a client that uses tasks without saying that it takes them. */
export function tasksMissing(): MissingRequiredClientCapabilityError {
  return new MissingRequiredClientCapabilityError({
    requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } },
  });
}
