/** `asya call`: call a tool through the gateway. */

import { closest } from "@asya/manifest";
import { type Command, CommandError, COMMON, UsageError } from "../command.ts";
import { findGateway, type GatewayClient, samePlace, type ToolInfo } from "../gateway_client.ts";
import { isFinal, type Update, updateLine } from "../progress.ts";

/** A text argument stays text; others are JSON, so that `n=5` is a number where one is wanted. */
function argument(pair: string, tool: ToolInfo): [name: string, json: string] {
  const at = pair.indexOf("=");
  if (at <= 0) throw new UsageError(`${pair} is no argument: write name=value`);
  const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
  if (tool.types[name] === undefined) {
    const near = closest(name, Object.keys(tool.types));
    const known = Object.keys(tool.types).join(", ") || "none";
    const hint = near ? `did you mean ${near}?` : `its arguments: ${known}`;
    throw new UsageError(`tool ${tool.name} has no argument ${name}; ${hint}`);
  }
  if (tool.types[name] === "string") return [name, JSON.stringify(value)];
  try {
    JSON.parse(value);
    return [name, value];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [name, JSON.stringify(value)]; // the gateway says what it wants instead
  }
}

async function findTool(gateway: GatewayClient, name: string): Promise<ToolInfo> {
  const tools = await gateway.tools();
  const found = tools.find((tool) => tool.name === name);
  if (found) return found;
  const names = tools.map((tool) => tool.name);
  const near = closest(name, names);
  const next = near ? `did you mean ${near}?` : `there are: ${names.join(", ") || "none"}`;
  throw new CommandError(`there is no tool ${name}`, next);
}

/** The command. */
export const call: Command = {
  name: "call",
  summary: "call a tool, and with --wait print its result",
  usage: "call TOOL [name=value ...] [--wait] [--json] [--dir DIR | --url URL]",
  examples: [
    ["call hello name=Ada --wait", "call the tool `hello`, show progress, print the result"],
    ["call hello name=Ada --json", "print the envelope's id as JSON and return at once"],
  ],
  options: {
    wait: { type: "boolean", help: "follow it to its end and print the result" },
    ...COMMON,
  },
  async run(input, io) {
    const [name, ...pairs] = input.positionals;
    if (name === undefined) throw new UsageError("name a tool");
    const gateway = await findGateway(input);
    const tool = await findTool(gateway, name);
    const members = pairs.map((pair) => argument(pair, tool));
    const args = `{${members.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(",")}}`;
    const id = await gateway.call(name, args);
    const next = `asya trace ${id}${samePlace(input)}`;
    const json = input.values["json"] === true;
    if (input.values["wait"] !== true) {
      io.out(json ? JSON.stringify({ envelope_id: id }) : id);
      if (!json) io.note(`next: ${next}`);
      return 0;
    }
    const start = Date.now();
    for await (const { name: event, data } of gateway.events(id, io.interrupted)) {
      if (event !== "update") continue;
      const update = JSON.parse(data) as Update;
      if (!json) io.note(updateLine(update, start));
      if (!isFinal(update)) continue;
      const ok = update.status === "succeeded";
      if (json) io.out(data);
      else if (ok) io.out(JSON.stringify(update.result, undefined, 2));
      else io.note(`it ${update.status}\nnext: ${next}`);
      return ok ? 0 : 1;
    }
    throw new CommandError("the stream ended before the envelope did", next);
  },
};
