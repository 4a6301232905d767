/**
 * Calls a tool and waits for the end of its envelope: `send_envelope.ts GATEWAY TOOL`. The tool's
 * actor answers with its arguments, so the result must be what was sent. Ends with 1 where it is not.
 */

import { waitFor } from "./wait.ts";

/** How long tool and queue may take to be there: kubelets look at ConfigMaps about once a minute. */
const TOOL_SECONDS = 180;

/** How long the envelope may take: its actor may have to be started. */
const END_SECONDS = 120;

/** Between two envelopes, in seconds: each stays in the gateway's store. */
const AGAIN_SECONDS = 3;

const REQUEST_MS = 20_000;

const [gateway, tool] = Deno.args;
if (gateway === undefined || tool === undefined) {
  throw new Error("usage: send_envelope.ts URL TOOL");
}
const key = Deno.env.get("ASYA_TEST_API_KEY");
const headers = {
  "content-type": "application/json",
  ...key === undefined ? {} : { authorization: `Bearer ${key}` },
};

function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}

let seen = "";

/** The answer's object; undefined while the gateway is away or says that there is no such thing. */
async function ask(path: string, body?: unknown): Promise<Record<string, unknown> | undefined> {
  let response: Response;
  try {
    response = await fetch(new URL(path, gateway), {
      headers,
      signal: AbortSignal.timeout(REQUEST_MS),
      ...body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
    });
  } catch (error) {
    seen = String(error);
    return undefined;
  }
  const text = await response.text();
  seen = `${response.status} ${text.slice(0, 500)}`;
  if (response.status === 401 || response.status === 403) {
    fail(`${path}: ${seen}\nset tests.apiKeySecretRef to a key that may call tools`);
  }
  return response.ok ? JSON.parse(text) : undefined;
}

const word = crypto.randomUUID();

/** One envelope; undefined while the tool or its actor's queue is not there yet. */
async function send(): Promise<Record<string, unknown> | undefined> {
  const answer = await ask("/tools/call", { name: tool, arguments: { word } });
  if (answer === undefined) return undefined;
  const [content] = answer.content as { readonly text: string }[];
  if (answer.isError === true) fail(`the call was refused: ${content!.text}`);
  const id: string = JSON.parse(content!.text).envelope_id;
  console.log(`envelope ${id} is on its way`);
  const end = await waitFor(async () => {
    const envelope = await ask(`/envelopes/${encodeURIComponent(id)}`);
    return ["succeeded", "failed"].includes(envelope?.status as string) ? envelope : undefined;
  }, END_SECONDS);
  if (end === undefined) fail(`envelope ${id} has not ended: ${seen}`);
  if (end.status === "succeeded") return end;
  if (end.error !== "route_error") fail(`envelope ${id} failed: ${seen}`);
  console.log(`envelope ${id} found no queue yet`);
  return undefined;
}

const end = await waitFor(send, TOOL_SECONDS, AGAIN_SECONDS);
if (end === undefined) {
  fail(
    `${tool} could not be called in ${TOOL_SECONDS} s; does its actor do well? The last answer: ${seen}`,
  );
}
if (!JSON.stringify(end.result).includes(word)) fail(`the envelope came back changed: ${seen}`);
console.log("it went through its actor and came back");
