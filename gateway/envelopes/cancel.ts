/** How an envelope ends because somebody wants it to. */

import { finished } from "./final.ts";
import type { Change, EnvelopeRecord } from "./record.ts";

/**
 * Ends an envelope as `cancelled`, at once; `undefined` when its state is final already. What still
 * waits to be published is not published any more, and sidecars that work on it are told in the
 * answer to their next report.
 *
 * @param now in milliseconds since 1970
 * @param reason why, for whoever looks at it later
 */
export function cancelled(
  record: EnvelopeRecord,
  now: number,
  reason?: string,
): Change | undefined {
  return finished(record, {
    status: "failed",
    error: "cancelled",
    ...reason === undefined ? {} : { errorDetails: JSON.stringify({ message: reason }) },
  }, now);
}
