/** `asya trace`: the hops of one envelope. */

import { type Command, COMMON, UsageError } from "../command.ts";
import { findGateway } from "../gateway_client.ts";
import { isFinal, type Update, updateLine } from "../progress.ts";

/** The command. */
export const trace: Command = {
  name: "trace",
  summary: "show the hops of one envelope, until it is finished",
  usage: "trace ID [--json] [--dir DIR | --url URL]",
  examples: [
    ["trace 4f1c...", "what happened to it, when, at which actor"],
    ["trace 4f1c... --json", "one JSON object with its state and its updates"],
  ],
  options: COMMON,
  async run(input, io) {
    const [id, ...more] = input.positionals;
    if (id === undefined || more.length > 0) throw new UsageError("give one envelope id");
    const gateway = await findGateway(input);
    const json = input.values["json"] === true;
    const { route, created_at, parent_id } = await gateway.envelope(id);
    if (!json) {
      io.out(`envelope ${id}${parent_id ? ` (child of ${parent_id})` : ""}`);
      io.out(`route    ${route.actors.join(" -> ")}`);
    }
    const updates: Update[] = [];
    for await (const { name, data } of gateway.events(id, io.interrupted)) {
      if (name !== "update") continue;
      const update = JSON.parse(data) as Update;
      updates.push(update);
      if (!json) io.out(updateLine(update, Date.parse(created_at)));
      if (isFinal(update)) break;
    }
    const { status, result, error } = await gateway.envelope(id);
    if (json) io.out(JSON.stringify({ id, status, route, result, error, updates }, undefined, 2));
    else {
      if (result !== undefined) io.out(`result   ${JSON.stringify(result)}`);
      if (error !== undefined) io.out(`error    ${JSON.stringify(error)}`);
    }
    return 0;
  },
};
