/** Turns what is thrown out of guest code into a {@linkcode PluginError}. */

import { PluginError, type PluginErrorCode } from "../plugin.ts";
import { TimeLimitExceeded } from "./time_limit.ts";
import { GuestExit } from "./wasi.ts";

/** A guest that traps with more than this part of its memory in use, ran out of it. */
const NEARLY_ALL = 7 / 8;

/** Frames of the guest that are kept. */
const MAX_FRAMES = 30;

/** Frames of WebAssembly in a stack of V8, without the host's own. */
export function guestStack(stack: string): string | undefined {
  const frames = stack.split("\n").filter((line) => /^\s*at .*wasm:\/\//.test(line));
  if (frames.length === 0) return undefined;
  return frames.slice(0, MAX_FRAMES).map((line) => line.trim()).join("\n");
}

function classify(
  error: unknown,
  use: { bytes: number; limit: number },
): [PluginErrorCode, string] {
  if (error instanceof TimeLimitExceeded) return ["timeout", error.message];
  if (error instanceof GuestExit) return ["guest_error", error.message];
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes("call stack size exceeded")) {
    return ["trap", "the guest's stack is exhausted (endless recursion?)"];
  }
  if (error instanceof WebAssembly.LinkError) return ["invalid_module", message];
  if (error instanceof WebAssembly.RuntimeError && use.bytes >= use.limit * NEARLY_ALL) {
    return ["memory_limit", `${message}; the guest holds ${use.bytes} of ${use.limit} bytes`];
  }
  return ["trap", message];
}

/**
 * @param use linear memory of the guest at that moment, and its limit
 */
export function guestFailure(error: unknown, use: { bytes: number; limit: number }): PluginError {
  const stack = error instanceof Error ? guestStack(error.stack ?? "") : undefined;
  const [code, message] = error instanceof PluginError
    ? [error.code, error.message]
    : classify(error, use);
  return new PluginError(code, message, { cause: error, guestStack: stack });
}
