/** How much and how long: the short form of every test run, or the long one (`ASYA_CHAOS=long`). */

const long = Deno.env.get("ASYA_CHAOS") === "long";

/** Envelopes of one case, before the fan-out. */
export const ENVELOPES = long ? 10_000 : 2_000;
/** How long something is away, in milliseconds. */
export const OUTAGE_MS = long ? 60_000 : 10_000;
/** How long all envelopes of a case may take, outages apart, in milliseconds. */
export const CASE_MS = long ? 300_000 : 90_000;
/** Kills in a case that kills several times. */
export const KILLS = long ? 10 : 4;
/** Runs only the cases whose name matches: for looking at one. */
export const CASE = new RegExp(Deno.env.get("ASYA_CHAOS_CASE") ?? "");
