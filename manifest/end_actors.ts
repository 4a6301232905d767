/** The end actors: where envelopes end. They never send on, and the crew has handlers for them. */

/** Their names. */
export const END_ACTORS: readonly string[] = ["happy-end", "error-end"];
