/** The sidecars' way in: reports need a token that the mesh shares, two while it is exchanged. */

import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { MiddlewareHandler } from "hono";
import { GatewayError } from "../http/problem.ts";
import { challengeText } from "./challenge.ts";

/** Tokens that are in force at once. */
const MAX_TOKENS = 10;
const LOOK_MS = 1_000;

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** Whether a token is one of those; takes as long whichever it is, and where it is none. */
export function isOneOf(given: string, tokens: readonly string[]): boolean {
  const wanted = digest(given);
  return tokens.reduce((found, token) => timingSafeEqual(wanted, digest(token)) || found, false);
}

/**
 * Lets only requests with `Authorization: Bearer <token>` pass.
 *
 * @param tokens those in force; `undefined` lets everybody pass
 */
export function meshAuth(tokens: (() => readonly string[]) | undefined): MiddlewareHandler {
  return async (c, next) => {
    if (tokens !== undefined) {
      const [, given = ""] = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
      if (!isOneOf(given, tokens())) {
        const message = "reports need the mesh token as Authorization: Bearer <token>";
        const header = challengeText(given === "" ? {} : { error: "invalid_token" });
        throw new GatewayError(401, "mesh_token_invalid", message, { "www-authenticate": header });
      }
    }
    await next();
  };
}

/** The mesh token cannot be read or is empty. */
export class MeshTokenError extends Error {
  /** The class's name. */
  override readonly name = "MeshTokenError";
  /** Stable, for programs. */
  readonly code = "mesh_token";
}

function readTokens(path: string): string[] {
  let tokens: string[];
  try {
    tokens = readFileSync(path, "utf8").split(/\s+/).filter((token) => token !== "");
  } catch (cause) {
    throw new MeshTokenError(`cannot read the mesh token from ${path}`, { cause });
  }
  if (tokens.length === 0) throw new MeshTokenError(`the mesh token file ${path} is empty`);
  if (tokens.length <= MAX_TOKENS) return tokens;
  throw new MeshTokenError(`the mesh token file ${path} has more than ${MAX_TOKENS} tokens`);
}

/**
 * The tokens in a file, one a line, read anew when the file changed; looked at once a second at
 * most. A file that cannot be read meanwhile (it is being replaced) leaves the last tokens in force.
 *
 * @throws MeshTokenError when it cannot be read the first time
 */
export function tokensFromFile(
  path: string,
  now: () => number = Date.now,
): () => readonly string[] {
  let tokens = readTokens(path);
  let stamp = statSync(path).mtimeMs;
  let looked = now();
  return () => {
    if (now() - looked < LOOK_MS) return tokens;
    looked = now();
    const found = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (found === undefined || found === stamp) return tokens;
    try {
      tokens = readTokens(path);
      stamp = found;
    } catch (error) {
      if (!(error instanceof MeshTokenError)) throw error; // else: half written, look again
    }
    return tokens;
  };
}
