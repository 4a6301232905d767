/** Bounds that every transport keeps. */

/** What a consumer holds unsettled, in bytes, beside one message. */
export const HELD_BYTES = 64 * 1024 * 1024;
