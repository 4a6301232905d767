/** `asya keys`: the API keys of a gateway, made and revoked in its store. */

import { readSettings, SettingsError } from "@asya/config";
import { parseDuration } from "@asya/envelope";
import {
  type ApiKey,
  GATEWAY_SETTINGS,
  isKeyId,
  type KeyStore,
  newKey,
  openKeyStore,
  parseRate,
} from "@asya/gateway";
import { type Command, CommandError, type Input, type Io, UsageError } from "../command.ts";

const MOST = 10_000;
const MAX_NAME = 128;
const MAX_TOOLS = 100;
const TOOL = /^(\*|[A-Za-z0-9_.-]{1,128})$/;

const { databaseUrl, storePath } = GATEWAY_SETTINGS;

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The store that a gateway with the same environment has. @param make a file where there is none */
async function storeOf(io: Io, make: boolean): Promise<KeyStore> {
  const settings = settingsOf(io);
  if (settings.databaseUrl === undefined && !make && !await exists(settings.storePath)) {
    const next = "set ASYA_DATABASE_URL or ASYA_SQLITE_PATH as the gateway has it";
    throw new CommandError(`there is no store ${settings.storePath}`, next);
  }
  return openKeyStore(settings);
}

function settingsOf(io: Io) {
  try {
    return readSettings({ databaseUrl, storePath }, io.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new CommandError(error.message, "asya keys --help", { cause: error });
  }
}

/** An option through its parser, with the option's name in what is wrong with it. */
function read<T>(input: Input, name: string, parse: (text: string) => T): T | undefined {
  const text = input.values[name];
  if (typeof text !== "string") return undefined;
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`--${name} ${text}: ${error instanceof Error ? error.message : error}`);
  }
}

function parseTools(text: string): string[] {
  const tools = text.split(",").map((tool) => tool.trim()).filter((tool) => tool !== "");
  if (tools.length === 0 || tools.length > MAX_TOOLS) {
    throw new Error(`expected 1 to ${MAX_TOOLS} names of tools with commas between, or '*'`);
  }
  const odd = tools.find((tool) => !TOOL.test(tool));
  if (odd !== undefined) throw new Error(`${JSON.stringify(odd)} is no tool's name`);
  return tools;
}

function parseCount(text: string): number {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new Error("expected a whole number, 1 or more");
  return Number(text);
}

function parseExpiry(text: string): number {
  const ms = parseDuration(text);
  if (ms <= 0) throw new Error("expected a duration such as 720h");
  return ms;
}

/** A key without its hash. */
function shown({ hash: _, ...key }: ApiKey, now: number) {
  const time = (ms: number | undefined) =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  const { id, name, tools, createdAt, expiresAt, revokedAt, rate, concurrent } = key;
  const state = revokedAt !== undefined
    ? "revoked"
    : expiresAt !== undefined && expiresAt <= now
    ? "expired"
    : "good";
  return {
    id,
    name,
    state,
    tools,
    created: time(createdAt),
    expires: time(expiresAt),
    revoked: time(revokedAt),
    rate,
    concurrent,
  };
}

type Verb = (keys: KeyStore, args: readonly string[], input: Input, io: Io) => Promise<number>;

const create: Verb = async (keys, [name, ...more], input, io) => {
  if (name === undefined || more.length > 0) throw new UsageError("give the key one name");
  if (name.length > MAX_NAME) throw new UsageError(`a name has at most ${MAX_NAME} characters`);
  const tools = read(input, "tools", parseTools);
  if (tools === undefined) throw new UsageError("say which tools: --tools a,b or --tools '*'");
  const lifetime = read(input, "expires", parseExpiry);
  const concurrent = read(input, "concurrent", parseCount);
  read(input, "rate", parseRate);
  const rate = input.values["rate"];
  const now = Date.now();
  const { key, text } = newKey({
    name,
    tools,
    createdAt: now,
    ...lifetime === undefined ? {} : { expiresAt: Math.round(now + lifetime) },
    ...typeof rate === "string" ? { rate: rate.trim() } : {},
    ...concurrent === undefined ? {} : { concurrent },
  });
  await keys.add(key);
  if (input.values["json"] === true) {
    io.out(JSON.stringify({ ...shown(key, now), key: text }, undefined, 2));
    return 0;
  }
  io.out(text);
  io.note("this is shown once; callers send it as Authorization: Bearer KEY, or X-API-Key: KEY");
  io.note(`next: asya keys revoke ${key.id}, once it is not needed any more`);
  return 0;
};

const ls: Verb = async (keys, _args, input, io) => {
  const now = Date.now();
  const rows = (await keys.list(MOST)).map((key) => shown(key, now));
  if (input.values["json"] === true) {
    io.out(JSON.stringify(rows, undefined, 2));
    return 0;
  }
  for (const { id, name, state, tools, created, expires, rate, concurrent } of rows) {
    const parts = [
      `${id}  ${state.padEnd(7)}  ${name}  ${tools.join(",")}  ${created}`,
      ...expires === undefined ? [] : [`expires ${expires}`],
      ...rate === undefined ? [] : [rate],
      ...concurrent === undefined ? [] : [`${concurrent} at once`],
    ];
    io.out(parts.join("  "));
  }
  if (rows.length === 0) io.note("no keys; next: asya keys create NAME --tools '*'");
  return 0;
};

const revoke: Verb = async (keys, [id, ...more], input, io) => {
  if (id === undefined || more.length > 0) throw new UsageError("give the id of one key");
  const known = isKeyId(id) && await keys.revoke(id, Date.now());
  if (!known) throw new CommandError(`there is no key ${id.slice(0, 100)}`, "asya keys ls");
  if (input.values["json"] === true) io.out(JSON.stringify({ revoked: id }));
  else io.out(`${id} is revoked; every replica refuses it within seconds`);
  return 0;
};

const VERBS: Readonly<Record<string, Verb>> = { create, ls, revoke };

/** The command. */
export const keys: Command = {
  name: "keys",
  summary: "create, list and revoke the API keys of a gateway",
  usage: "keys create NAME --tools A,B [--expires 720h] [--rate 10/s] [--concurrent 5] | " +
    "ls | revoke ID [--json]",
  examples: [
    ["keys create ci --tools analyze,report", "a key for two tools; printed once"],
    ["keys create ops --tools '*' --expires 720h --rate 10/s", "all tools, for 30 days"],
    ["keys ls", "which there are, without their secrets"],
    ["keys revoke 0a1b2c3d4e5f6071", "refused everywhere within seconds"],
  ],
  options: {
    tools: { type: "string", value: "A,B", help: "tools that it may use; '*' for all" },
    expires: { type: "string", value: "DURATION", help: "good for so long (default: always)" },
    rate: { type: "string", value: "N/s", help: "requests in a time: 10/s, 600/m or 5000/h" },
    concurrent: { type: "string", value: "N", help: "requests and streams at once" },
    json: { type: "boolean", help: "print JSON for programs" },
  },
  async run(input, io) {
    const [name = "", ...args] = input.positionals;
    const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
    if (!verb) throw new UsageError(`keys needs one of ${Object.keys(VERBS).join(", ")}`);
    const store = await storeOf(io, verb === create);
    try {
      return await verb(store, args, input, io);
    } finally {
      await store.close();
    }
  },
};
