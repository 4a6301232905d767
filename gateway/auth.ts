/**
 * Who may do what. Reporting is for the mesh of sidecars, which share one token; the public routes
 * are open so far, and their guard belongs beside this one.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { MiddlewareHandler } from "hono";
import { GatewayError } from "./http/problem.ts";

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/**
 * Lets only requests with `Authorization: Bearer <token>` pass.
 *
 * @param token the token in force; `undefined` lets everybody pass
 */
export function meshAuth(token: (() => string) | undefined): MiddlewareHandler {
  return async (c, next) => {
    if (token !== undefined) {
      const [, given = ""] = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
      if (!timingSafeEqual(digest(given), digest(token()))) {
        const message = "reports need the mesh token as Authorization: Bearer <token>";
        throw new GatewayError(401, "unauthorized", message, { "www-authenticate": "Bearer" });
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

function readToken(path: string): string {
  let token: string;
  try {
    token = readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new MeshTokenError(`cannot read the mesh token from ${path}`, { cause });
  }
  if (token === "") throw new MeshTokenError(`the mesh token file ${path} is empty`);
  return token;
}

/**
 * The token in a file, read anew when the file changed; looked at once a second at most. A file
 * that cannot be read meanwhile (it is being replaced) leaves the last token in force.
 *
 * @throws MeshTokenError when it cannot be read the first time
 */
export function tokenFromFile(path: string, now: () => number = Date.now): () => string {
  let token = readToken(path);
  let stamp = statSync(path).mtimeMs;
  let looked = now();
  return () => {
    if (now() - looked < 1_000) return token;
    looked = now();
    const found = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (found === undefined || found === stamp) return token;
    try {
      token = readToken(path);
      stamp = found;
    } catch (error) {
      if (!(error instanceof MeshTokenError)) throw error; // else: half written, look again
    }
    return token;
  };
}
