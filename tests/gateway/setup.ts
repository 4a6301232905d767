/** Calls of tools over HTTP, and what becomes of them, for tests of the whole system. */

import assert from "node:assert/strict";
import { until } from "../project.ts";

/** Calls a tool; the envelope's id. */
export async function callTool(url: string, name: string, args: object = {}): Promise<string> {
  const body = JSON.stringify({ name, arguments: args });
  const response = await fetch(`${url}/tools/call`, { method: "POST", body });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(JSON.parse(text).content[0].text).envelope_id;
}

/** An envelope as the gateway shows it. */
// deno-lint-ignore no-explicit-any -- tests look into it
export async function view(url: string, id: string): Promise<any> {
  return await (await fetch(`${url}/envelopes/${id}`)).json();
}

/** Waits until an envelope is in a state; the envelope. */
export async function inState(url: string, id: string, state: string) {
  await until(`${id} is ${state}`, async () => (await view(url, id)).status === state, 30_000);
  return await view(url, id);
}

/** Whether a file is there. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
