/** What a client would like: the `Prefer` header of RFC 7240, https://www.rfc-editor.org/rfc/rfc7240. */

/** Longest wait that is granted, in seconds. */
export const MAX_WAIT_SECONDS = 300;

/**
 * How long a client wants to wait for the end, in seconds, at most {@linkcode MAX_WAIT_SECONDS};
 * `undefined` where it does not say so. A preference that cannot be understood is none.
 */
export function preferredWait(header: string | undefined): number | undefined {
  for (const preference of header?.split(",") ?? []) {
    const [, seconds] = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;|$)/i.exec(preference) ?? [];
    if (seconds !== undefined) return Math.min(Number(seconds), MAX_WAIT_SECONDS);
  }
  return undefined;
}
