/** The Unix socket itself, for both versions: connect, write, and errors as what they mean. */

import { HandlerError, HandlerGone } from "../handler.ts";

/** @throws HandlerGone when nobody listens there */
export async function connect(path: string): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (cause) {
    throw new HandlerGone(`nothing answers at ${path} (${messageOf(cause)})`, { cause });
  }
}

/**
 * Writes all parts in order.
 * @param accepted called once, when the first bytes are on their way: from then on they may be
 * what ends the runtime. A connection that it closed before takes none.
 * @throws HandlerGone when the runtime closed the connection
 */
export async function writeAll(
  conn: Deno.Conn,
  parts: readonly Uint8Array[],
  accepted?: () => void,
): Promise<void> {
  try {
    for (const [at, part] of parts.entries()) {
      let sent = await conn.write(part);
      if (at === 0) accepted?.();
      while (sent < part.length) sent += await conn.write(part.subarray(sent));
    }
  } catch (cause) {
    throw new HandlerGone(`the runtime closed the connection (${messageOf(cause)})`, { cause });
  }
}

/** Closes a connection that may be closed already. */
export function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** The error of a message that is larger than the actor allows. */
export function tooLarge(what: string, bytes: number, limit: number): HandlerError {
  return new HandlerError({
    code: "resource_limit",
    message: `${what} has ${bytes} bytes, more than ASYA_MAX_FRAME_BYTES (${limit}) allows`,
  });
}

/** An error's own words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
