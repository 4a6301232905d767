/** `asya dlq`: the dead letters, which are what no actor could be given. */

import type { DeadLetter, Transport } from "@asya/transport";
import { declaredActors } from "@asya/local";
import { type Command, CommandError, COMMON, type Input, type Io, UsageError } from "../command.ts";
import { folderOf, samePlace } from "../gateway_client.ts";
import { openQueues } from "../queues.ts";

const MOST = 1_000;

async function letters(transport: Transport, actor: string): Promise<DeadLetter[]> {
  return await transport.queue(actor).deadLetters(actor).list(MOST);
}

type Verb = (
  transport: Transport,
  args: readonly string[],
  input: Input,
  io: Io,
) => Promise<number>;

const ls: Verb = async (transport, [actor], input, io) => {
  const actors = actor === undefined ? await declaredActors(folderOf(input)) : [actor];
  const rows: { actor: string; key: string; at: Date; reason: string; bytes: number }[] = [];
  for (const name of actors) {
    for (const { key, at, reason, body } of await letters(transport, name)) {
      rows.push({ actor: name, key, at, reason, bytes: body.length });
    }
  }
  if (input.values["json"] === true) {
    io.out(JSON.stringify(rows, undefined, 2));
    return 0;
  }
  for (const { actor, key, at, reason, bytes } of rows) {
    io.out(`${actor}  ${key}  ${at.toISOString()}  ${bytes} bytes  ${reason}`);
  }
  const [first] = rows;
  io.note(
    first
      ? `next: asya dlq show ${first.actor} ${first.key}${samePlace(input)}`
      : "no dead letters; failed envelopes are in .asya/results/error-end",
  );
  return 0;
};

const show: Verb = async (transport, [actor, key], input, io) => {
  if (actor === undefined || key === undefined) throw new UsageError("give an actor and a key");
  const letter = (await letters(transport, actor)).find((candidate) => candidate.key === key);
  if (!letter) throw unknown(actor, key);
  const { at, reason, body } = letter;
  const text = new TextDecoder().decode(body);
  if (input.values["json"] === true) {
    const base64 = body.toBase64();
    io.out(JSON.stringify({ actor, key, at, reason, bytes: body.length, base64 }, undefined, 2));
    return 0;
  }
  io.note(`${reason}  (${at.toISOString()}, ${body.length} bytes)`);
  io.out(text);
  io.note(`next: asya dlq replay ${actor} ${key}${samePlace(input)}`);
  return 0;
};

const replay: Verb = async (transport, [actor, ...keys], input, io) => {
  if (actor === undefined) throw new UsageError("give an actor, and keys or --all");
  const all = input.values["all"] === true;
  if (all === keys.length > 0) throw new UsageError("give keys, or --all");
  const wanted = all ? (await letters(transport, actor)).map(({ key }) => key) : keys;
  const dead = transport.queue(actor).deadLetters(actor);
  for (const key of wanted) if (!await dead.replay(key)) throw unknown(actor, key);
  if (input.values["json"] === true) io.out(JSON.stringify({ replayed: wanted }));
  else io.out(`${wanted.length} back on the queue of ${actor}`);
  return 0;
};

function unknown(actor: string, key: string): CommandError {
  return new CommandError(`${actor} has no dead letter ${key}`, `asya dlq ls ${actor}`);
}

const VERBS: Readonly<Record<string, Verb>> = { ls, show, replay };

/** The command. */
export const dlq: Command = {
  name: "dlq",
  summary: "list, show and replay dead letters",
  usage: "dlq ls [ACTOR] | show ACTOR KEY | replay ACTOR (KEY... | --all) [--json] [--dir DIR]",
  examples: [
    ["dlq ls", "the dead letters of every actor"],
    ["dlq show prep 7", "one of them with its raw body"],
    ["dlq replay prep --all", "put all of an actor's back on its queue"],
  ],
  options: {
    all: { type: "boolean", help: "replay every dead letter of the actor" },
    dir: COMMON.dir,
    json: COMMON.json,
  },
  async run(input, io) {
    const [name = "", ...args] = input.positionals;
    const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
    if (!verb) throw new UsageError(`dlq needs one of ${Object.keys(VERBS).join(", ")}`);
    const transport = await openQueues(input, io);
    try {
      return await verb(transport, args, input, io);
    } finally {
      await transport.close();
    }
  },
};
