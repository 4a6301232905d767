/** `asya send`: put an envelope on an actor's queue. */

import { findRunning, sendEnvelope } from "@asya/local";
import { type Command, COMMON, UsageError } from "../command.ts";
import { folderOf, samePlace } from "../gateway_client.ts";
import { openQueues } from "../queues.ts";

/** The command. */
export const send: Command = {
  name: "send",
  summary: "put an envelope on the queue of an actor, with a route of your own",
  usage: "send ACTOR[,ACTOR...] [PAYLOAD | -] [--json] [--dir DIR]",
  examples: [
    [`send hello-actor '{"name":"Ada"}'`, "one actor"],
    ["send prep,infer,post - < payload.json", "a route of three, the payload from a file"],
  ],
  options: { dir: COMMON.dir, json: COMMON.json },
  async run(input, io) {
    const [route, payload = "{}", ...more] = input.positionals;
    if (route === undefined || more.length > 0) throw new UsageError("give a route and a payload");
    const transport = await openQueues(input, io);
    try {
      const running = await findRunning(folderOf(input));
      const id = await sendEnvelope({
        transport,
        ...running ? { gateway: { url: running.url, fetch } } : {},
        actors: route.split(","),
        payload: payload === "-" ? await io.readInput() : payload,
      });
      const json = input.values["json"] === true;
      io.out(json ? JSON.stringify({ envelope_id: id }) : id);
      if (json) return 0;
      io.note(
        running
          ? `next: asya trace ${id}${samePlace(input)}`
          : "no dev runs here: it waits until one does",
      );
      return 0;
    } finally {
      await transport.close();
    }
  },
};
