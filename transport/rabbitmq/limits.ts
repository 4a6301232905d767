/** Numbers that several files of this transport share. */

/** Messages that wait longer come back after this time to wait again, in milliseconds: one day. */
export const LONGEST_DELAY_MS = 86_400_000;

/** The largest message of RabbitMQ 3; 4 takes 16 MiB by default and says so when asked for more. */
export const LARGEST_MESSAGE = 128 * 1024 * 1024;

/**
 * A killed consumer raises the delivery count of everything that it had prefetched, so this is
 * far more than any handler's attempts.
 */
export const DELIVERY_LIMIT = 1_000;

/** Browsing dead letters counts as delivering them, and must never use them up. */
export const BROWSE_LIMIT = 2 ** 31 - 1;
