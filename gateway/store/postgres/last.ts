/** The number of an envelope's final update. */

/**
 * Whatever comes before it, the final update has this number in its table; on reading it is the
 * number of all updates.
 */
export const LAST = 2_147_483_647;
