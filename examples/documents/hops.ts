/** The way of one envelope as the gateway saw it, from its stream of updates. */

interface Update {
  readonly timestamp: string;
  readonly status: string;
  readonly actors?: readonly string[];
  readonly current_actor_idx?: number;
  readonly envelope_state?: "received" | "processing" | "completed";
}

/** The updates of a finished envelope, in order. */
async function updates(url: string, id: string): Promise<Update[]> {
  const response = await fetch(`${url}/envelopes/${encodeURIComponent(id)}/stream`);
  const events = (await response.text()).split("\n\n");
  return events
    .map((event) => /^event: update\n(?:.*\n)*?data: (.*)$/m.exec(event)?.[1])
    .filter((data) => data !== undefined)
    .map((data) => JSON.parse(data));
}

/** One line an actor that worked on it: when, and for how long; the last line is the end. */
export async function hops(url: string, id: string): Promise<string[]> {
  const lines: string[] = [];
  const all = await updates(url, id);
  const zero = Date.parse(all[0]?.timestamp ?? "");
  let began = zero;
  for (const { timestamp, status, actors, current_actor_idx, envelope_state } of all) {
    const at = Date.parse(timestamp);
    const line = (who: string, what: string) =>
      lines.push(`${`+${at - zero}`.padStart(5)} ms  ${who.padEnd(10)} ${what}`);
    if (envelope_state === "processing") began = at;
    if (envelope_state === "completed") {
      line(actors?.[current_actor_idx ?? 0] ?? "", `answered in ${at - began} ms`);
    } else if (status === "succeeded" || status === "failed") {
      line(status === "succeeded" ? "happy-end" : "error-end", status);
    }
  }
  return lines;
}
