/** Request bodies, never more of them in memory than the route allows. */

import { GatewayError } from "./problem.ts";

/** Largest body of a call, in bytes. */
export const MAX_CALL_BYTES = 4 * 2 ** 20;
/** Largest body of a progress report or a child's registration, in bytes. */
export const MAX_PROGRESS_BYTES = 2 ** 20;
/** Largest body that may carry a result, in bytes. */
export const MAX_RESULT_BYTES = 16 * 2 ** 20;

function tooLarge(limit: number): GatewayError {
  const message = `the body has more than ${limit} bytes, the limit of this route`;
  return new GatewayError(413, "body_too_large", message);
}

/**
 * Reads a whole body.
 *
 * @param limit in bytes
 * @throws GatewayError 413 `body_too_large`; 400 `body_incomplete` where the client left
 */
export async function readBody(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge(limit);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit); // leaving the loop cancels the stream
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const message = "the body ended before it was complete";
    throw new GatewayError(400, "body_incomplete", message, {}, { cause: error });
  }
  if (chunks.length === 1) return chunks[0]!;
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
