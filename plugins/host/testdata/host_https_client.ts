/** Asks for each URL, all names being 127.0.0.1, and prints what comes of it, one line of JSON. */

import { parseAllowedHosts } from "../allowed_hosts.ts";
import { httpCall } from "../http_client.ts";

const [allowed = "", ...urls] = Deno.args;
const options = {
  allowed: parseAllowedHosts(allowed.split(",")),
  timeoutMs: 10_000,
  maxReplyBytes: 1_000,
  signal: new AbortController().signal,
  lookup: () => Promise.resolve(["127.0.0.1"]),
};
const outcomes = await Promise.all(urls.map(async (url) => {
  try {
    const { body } = await httpCall({ method: "GET", url, headers: {} }, options);
    return new TextDecoder().decode(body);
  } catch (error) {
    return String(error);
  }
}));
console.log(JSON.stringify(outcomes));
