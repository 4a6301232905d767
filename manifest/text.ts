/** Texts with a grammar of their own, kept as they were written: durations, sizes, names. */

import { isActorName, parseDuration } from "@asya/envelope";
import { z } from "zod";

/** A text that `accepts`; else "`path` is `what`", mended by `fix`. */
export function grammar(
  accepts: (text: string) => boolean,
  message: string,
  fix: string,
): z.ZodString {
  return z.string().refine(accepts, { message, params: { fix } });
}

function milliseconds(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof RangeError) return -1;
    throw error;
  }
}

/** A Go duration. */
export const durationText: z.ZodString = grammar(
  (text) => milliseconds(text) >= 0,
  "is no duration",
  "write it like 300ms, 30s, 5m or 1h30m",
);

/** A Go duration above zero. */
export const limitText: z.ZodString = grammar(
  (text) => milliseconds(text) > 0,
  "is no duration above zero",
  "write it like 300ms, 1s or 2m30s",
);

function isSize(text: string): boolean {
  return /^[1-9][0-9]{0,14}(Ki|Mi|Gi|k|M|G)?$/.test(text);
}

/** Bytes as Kubernetes writes them. */
export const sizeText: z.ZodString = grammar(
  isSize,
  "is no size",
  "write it like 64Mi",
);

/** Bytes, or none. */
export const stateText: z.ZodString = grammar(
  (text) => text === "0" || isSize(text),
  "is no size",
  "write it like 1Mi, or 0 for none",
);

/** The name of an actor: queues, Kubernetes objects and route entries carry it. */
export const actorName: z.ZodString = grammar(
  isActorName,
  "is no actor name",
  "lower-case letters, digits and dashes, at most 63, a letter or digit at both ends, " +
    "not ending in -dlq",
);
