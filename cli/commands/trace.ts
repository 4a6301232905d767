/** `asya trace`: the hops of one envelope. */

import { type Command, COMMON, type Io, UsageError } from "../command.ts";
import { findGateway } from "../gateway_client.ts";
import { followHistory, type History } from "../history.ts";
import { hopLines } from "../hops.ts";

/** The command. */
export const trace: Command = {
  name: "trace",
  summary: "show the hops of one envelope, until it is finished",
  usage: "trace ID [--json] [--dir DIR | --url URL]",
  examples: [
    ["trace 4f1c...", "one line a hop: which actor, when, how long"],
    ["trace 4f1c... --json", "one JSON object with its state and its updates"],
  ],
  options: COMMON,
  async run(input, io) {
    const [id, ...more] = input.positionals;
    if (id === undefined || more.length > 0) throw new UsageError("give one envelope id");
    const gateway = await findGateway(input);
    const json = input.values["json"] === true;
    let printed: number | undefined;
    for await (const history of followHistory(gateway, id, io.interrupted)) {
      const { envelope, updates, ended } = history;
      if (!json) {
        if (printed === undefined) {
          io.out(`envelope ${id}\nroute    ${envelope.route.actors.join(" -> ")}`);
        }
        const lines = hopLines(updates, envelope, ended);
        for (const line of lines.slice(printed ?? 0)) io.out(line);
        printed = Math.max(printed ?? 0, lines.length);
      }
      if (ended) printEnd(history, json, io);
    }
    return 0;
  },
};

function printEnd({ envelope, updates }: History, json: boolean, io: Io): void {
  const { id, parent_id, parent_actor_name, status, route, result, error } = envelope;
  if (json) {
    const shown = { id, parent_id, parent_actor_name, status, route, result, error, updates };
    return io.out(JSON.stringify(shown, undefined, 2));
  }
  if (result !== undefined) io.out(`result   ${JSON.stringify(result)}`);
  if (error !== undefined) io.out(`error    ${JSON.stringify(error)}`);
}
