/** What a handler threw, in the words of the contract. */

import type { Failure } from "@asya/envelope";
import { HandlerError, HandlerTimeout, InvalidAnswer } from "./handlers/handler.ts";

/** The failure that an error stands for; one that no handler should throw is a `processing_error`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof HandlerError) return error.failure;
  if (error instanceof HandlerTimeout) return { code: "timeout_error", message: error.message };
  const code = "processing_error";
  if (error instanceof InvalidAnswer) return { code, message: error.message, type: error.name };
  if (!(error instanceof Error)) return { code, message: String(error) };
  const traceback = error.stack === undefined ? {} : { traceback: error.stack };
  return { code, message: error.message, type: error.name, ...traceback };
}
