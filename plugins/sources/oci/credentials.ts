/** Credentials for a registry, out of a pull secret: the file that `docker login` writes. */

import { readAll } from "../bytes.ts";
import { basicAuthorization } from "../request.ts";
import { SourceError } from "../source.ts";

const MAX_BYTES = 2 ** 20;

/** Docker Hub's credentials are kept under its old name. */
const HUB = ["docker.io", "index.docker.io", "registry-1.docker.io"];

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

/**
 * Finds the entry for a repository: that of its registry with the longest path in front of it.
 * Keys are hosts, with or without port, scheme and path.
 *
 * @param config a `config.json` of Docker, parsed
 * @returns the value of `Authorization`; absent when there is no entry
 */
export function findCredentials(
  config: unknown,
  registry: string,
  repository: string,
): string | undefined {
  if (!isObject(config) || !isObject(config["auths"])) return undefined;
  const hosts = HUB.includes(registry) ? HUB : [registry];
  let best: { length: number; authorization: string } | undefined;
  for (const [key, entry] of Object.entries(config["auths"])) {
    const [host = "", ...path] = key.replace(/^https?:\/\//i, "").replace(/\/+$/, "").split("/");
    const prefix = /^v[12]$/.test(path[0] ?? "") ? path.slice(1).join("/") : path.join("/");
    if (!hosts.includes(host) || prefix && !`${repository}/`.startsWith(`${prefix}/`)) continue;
    const authorization = authorizationOf(entry);
    if (authorization === undefined || prefix.length < (best?.length ?? 0)) continue;
    best = { length: prefix.length, authorization };
  }
  return best?.authorization;
}

function authorizationOf(entry: unknown): string | undefined {
  if (!isObject(entry)) return undefined;
  const { auth, username, password } = entry;
  if (typeof username === "string" && typeof password === "string") {
    return basicAuthorization(username, password);
  }
  if (typeof auth !== "string" || !/^[A-Za-z0-9+/]+=*$/.test(auth)) return undefined;
  return `Basic ${auth}`;
}

/**
 * Looks a repository up in a pull secret's file. It is read each time: secrets are replaced.
 *
 * @throws SourceError `unauthorized` when it cannot be read
 */
export async function readCredentials(
  path: string,
  registry: string,
  repository: string,
): Promise<string | undefined> {
  let text: string;
  try {
    using file = await Deno.open(path);
    text = new TextDecoder().decode(await readAll(file.readable, MAX_BYTES, path));
  } catch (cause) {
    const message = `the pull secret ${path} cannot be read; is it mounted?`;
    throw new SourceError("unauthorized", message, { cause });
  }
  try {
    return findCredentials(JSON.parse(text), registry, repository);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // No cause: the parser quotes the text.
    const message = `the pull secret ${path} is not the JSON of a docker config`;
    throw new SourceError("unauthorized", message);
  }
}
