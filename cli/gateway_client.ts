/** What the CLI asks a gateway. */

import { resolve } from "node:path";
import { findRunning } from "@asya/local";
import { CommandError, type Input, text } from "./command.ts";
import { type ServerEvent, serverEvents } from "./server_events.ts";

/** A tool as the gateway publishes it. */
export interface ToolInfo {
  readonly name: string;
  /** JSON Schema types by argument. */
  readonly types: Readonly<Record<string, string>>;
}

/** An envelope as `GET /envelopes/{id}` shows it. */
export interface EnvelopeInfo {
  readonly id: string;
  readonly parent_id?: string;
  /** Which actor split it off. */
  readonly parent_actor_idx?: number;
  readonly parent_actor_name?: string;
  readonly status: string;
  readonly route: { readonly actors: readonly string[]; readonly current: number };
  readonly result?: unknown;
  readonly error?: unknown;
  readonly message?: string;
  readonly progress_percent: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A gateway somewhere. */
export class GatewayClient {
  constructor(readonly url: string) {}

  async #fetch(path: string, init?: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.url}${path}`, init);
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      const next = "start one with `asya dev DIR`, or name another with --url";
      throw new CommandError(`there is no gateway at ${this.url}`, next, { cause });
    }
  }

  async #json(path: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
    const response = await this.#fetch(path, init);
    const answer = await response.text();
    try {
      return { status: response.status, body: JSON.parse(answer) };
    } catch (cause) {
      const message = `${this.url}${path} answered ${response.status} without JSON`;
      throw new CommandError(message, "is this a gateway of Asya?", { cause });
    }
  }

  #post(path: string, body: string, signal?: AbortSignal) {
    const headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
    return this.#json(path, { method: "POST", headers, body, ...signal ? { signal } : {} });
  }

  /** The tools that it offers. */
  async tools(): Promise<ToolInfo[]> {
    const request = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };
    const { body } = await this.#post("/mcp", JSON.stringify(request));
    const { result } = body as {
      result?: { tools: { name: string; inputSchema?: { properties?: object } }[] };
    };
    return (result?.tools ?? []).map(({ name, inputSchema }) => {
      const types = Object.entries(inputSchema?.properties ?? {}).map((
        [argument, schema],
      ) => [argument, String((schema as { type?: unknown }).type)]);
      return { name, types: Object.fromEntries(types) };
    });
  }

  /**
   * Calls a tool.
   *
   * @param args JSON text
   * @returns the envelope's id
   * @throws CommandError when it refuses
   */
  async call(name: string, args: string): Promise<string> {
    const request = `{"name":${JSON.stringify(name)},"arguments":${args}}`;
    const { status, body } = await this.#post("/tools/call", request);
    const { content, isError, detail } = body as {
      content?: { text: string }[];
      isError?: boolean;
      detail?: string;
    };
    const answer = content?.[0]?.text;
    if (isError) throw new CommandError(`the gateway refused: ${answer}`);
    if (status !== 200 || answer === undefined) {
      throw new CommandError(detail ?? `the gateway answered ${status}`);
    }
    return (JSON.parse(answer) as { envelope_id: string }).envelope_id;
  }

  /** @throws CommandError when the id is unknown */
  async envelope(id: string): Promise<EnvelopeInfo> {
    const { status, body } = await this.#json(`/envelopes/${encodeURIComponent(id)}`);
    if (status === 200) return body as EnvelopeInfo;
    const message = status === 404
      ? `there is no envelope ${id}`
      : `the gateway answered ${status}`;
    throw new CommandError(message, "ids are printed by `asya call` and `asya send`");
  }

  /** Everything that happened to an envelope and will happen, until it is finished. */
  async *events(id: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    const response = await this.#fetch(`/envelopes/${encodeURIComponent(id)}/stream`, { signal });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new CommandError(`the gateway answered ${response.status} for the stream of ${id}`);
    }
    yield* serverEvents(response.body);
  }
}

/** The folder that a command is about. */
export function folderOf(input: Input): string {
  return resolve(text(input, "dir", "."));
}

/** The options that lead a following command to the same place. */
export function samePlace(input: Input): string {
  const { dir, url } = input.values;
  if (typeof url === "string") return ` --url ${url}`;
  return typeof dir === "string" ? ` --dir ${dir}` : "";
}

/** The gateway that `--url` names, or that of the `dev` that runs in the folder. */
export async function findGateway(input: Input): Promise<GatewayClient> {
  const url = input.values["url"];
  if (typeof url === "string") return new GatewayClient(url.replace(/\/+$/, ""));
  const dir = folderOf(input);
  const running = await findRunning(dir);
  if (running) return new GatewayClient(running.url);
  throw new CommandError(
    `no dev runs in ${dir}`,
    "start it with `asya dev DIR`, or say where it is with --dir DIR or --url URL",
  );
}
