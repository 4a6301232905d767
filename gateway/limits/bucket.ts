/** A token bucket: full at first, one token a request, filled again at the rate's pace. */

import type { Rate } from "./rate.ts";

/** How full a bucket was, and when. */
export interface Bucket {
  /** Tokens, a fraction too. */
  readonly level: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What became of a request for a token. */
export interface Taken {
  /** The bucket afterwards. */
  readonly bucket: Bucket;
  readonly allowed: boolean;
  /** Whole tokens that are left. */
  readonly remaining: number;
  /** Until there is a token again, in milliseconds; 0 where there is one. */
  readonly waitMs: number;
  /** Until the bucket is full again, in milliseconds. */
  readonly fullMs: number;
}

/** Takes a token where there is one. @param bucket `undefined`: a full one */
export function take(bucket: Bucket | undefined, { count, perMs }: Rate, now: number): Taken {
  const { level: before, at } = bucket ?? { level: count, at: now };
  const filled = Math.min(count, before + Math.max(0, now - at) * count / perMs);
  const allowed = filled >= 1;
  const level = allowed ? filled - 1 : filled;
  const msPerToken = perMs / count;
  return {
    bucket: { level, at: Math.max(at, now) },
    allowed,
    remaining: Math.floor(level),
    waitMs: level >= 1 ? 0 : Math.ceil((1 - level) * msPerToken),
    fullMs: Math.ceil((count - level) * msPerToken),
  };
}
