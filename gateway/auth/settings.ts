/** Who may come in, and how often: the gateway's variables for that. */

import { setting } from "@asya/config";
import { parseRate } from "../limits/rate.ts";

const MAX_ENTRIES = 100;

function list(text: string): string[] {
  const entries = text.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
  if (entries.length === 0 || entries.length > MAX_ENTRIES) {
    throw new Error(`expected 1 to ${MAX_ENTRIES} entries with commas between`);
  }
  return entries;
}

function parseOrigins(text: string): string[] {
  for (const entry of list(text)) {
    if (URL.parse(entry)?.origin === entry && /^https?:/.test(entry)) continue;
    throw new Error(`${JSON.stringify(entry)} is no origin such as https://app.example.com`);
  }
  return list(text);
}

function parseHosts(text: string): string[] {
  for (const entry of list(text)) {
    if (URL.parse(`http://${entry}`)?.host === entry && !/:[0-9]+$/.test(entry)) continue;
    throw new Error(`${JSON.stringify(entry)} is no name such as asya.example.com, without a port`);
  }
  return list(text);
}

/** An address that secrets depend on: https, or http on this machine. */
function parseSecureUrl(text: string): string {
  const url = URL.parse(text);
  const local = url?.protocol === "http:" &&
    ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url === null || (url.protocol !== "https:" && !local)) {
    throw new Error("expected an https:// URL");
  }
  return text;
}

function parseCount(text: string): number {
  if (!/^[1-9][0-9]{0,6}$/.test(text.trim())) throw new Error("expected a whole number, 1 or more");
  return Number(text);
}

/** One row a variable. */
export const ACCESS_SETTINGS = {
  auth: setting.oneOf(["on", "off"])("ASYA_GATEWAY_AUTH", {
    help: "whether callers need an API key or a token; default: off on a loopback address, else on",
  }),
  oauthIssuer: setting.custom("https:// URL", parseSecureUrl)("ASYA_GATEWAY_OAUTH_ISSUER", {
    help: "whose OAuth access tokens are taken; absent: API keys alone",
  }),
  oauthAudience: setting.custom("list", list)("ASYA_GATEWAY_OAUTH_AUDIENCE", {
    help: "tokens must be for one of these; mostly the gateway's URLs, the outer one first",
  }),
  oauthJwksUrl: setting.custom("https:// URL", parseSecureUrl)("ASYA_GATEWAY_OAUTH_JWKS_URL", {
    help: "the issuer's signing keys; default: as the issuer's metadata says",
  }),
  rate: setting.custom("rate", parseRate)("ASYA_GATEWAY_RATE", {
    help: "requests of one caller to one replica, e.g. 10/s or 600/m; absent: not bounded",
  }),
  concurrent: setting.custom("integer", parseCount)("ASYA_GATEWAY_CONCURRENT", {
    help: "requests and streams of one caller in flight at one replica; absent: not bounded",
  }),
  origins: setting.custom("list", parseOrigins)("ASYA_GATEWAY_CORS_ORIGINS", {
    help: "origins whose web pages may call the gateway (CORS); absent: none",
  }),
  hosts: setting.custom("list", parseHosts)("ASYA_GATEWAY_HOSTS", {
    help: "names that callers may use in Host and Origin, against DNS rebinding; absent: any, " +
      "on a loopback address those of this machine",
  }),
  hsts: setting.boolean("ASYA_GATEWAY_HSTS", {
    fallback: "false",
    help: "tell browsers to come by https only, for a year",
  }),
};
