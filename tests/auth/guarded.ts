/** A gateway that lets in whoever has a key or a token, in memory, with two tools. */

import { Keys, newKey, openKeyStore, Tokens } from "@asya/gateway";
import { type Harness, startHarness } from "../../gateway/testing/harness.ts";
import type { GuardOptions } from "../../gateway/guard.ts";
import type { Issuer } from "./issuer.ts";

/** It, and how keys for it are made. */
export interface Guarded extends AsyncDisposable {
  readonly harness: Harness;
  /** Makes a key; its text. */
  key(options?: { tools?: string[]; expiresAt?: number; revoked?: boolean }): Promise<string>;
  revoke(text: string): Promise<void>;
  /** A request with this credential. */
  send(
    method: string,
    path: string,
    o?: { bearer?: string; body?: string; headers?: Record<string, string> },
  ): Promise<Response>;
}

/** The sidecars' token. */
export const MESH = "mesh-secret";

/** Starts one. */
export async function startGuarded(
  issuer: Issuer | undefined,
  more: Omit<GuardOptions, "authentication"> = {},
): Promise<Guarded> {
  const folder = await Deno.makeTempDir();
  const store = openKeyStore({ storePath: `${folder}/keys.sqlite`, databaseUrl: undefined });
  const options = issuer && { issuer: issuer.url, audiences: [issuer.audience] };
  const harness = await startHarness({
    meshTokens: () => [MESH],
    guard: {
      ...more,
      authentication: {
        keys: new Keys(store, Date.now),
        ...options ? { oauth: { options, tokens: new Tokens(options, Date.now) } } : {},
      },
    },
  });
  return {
    harness,
    async key({ tools = ["*"], expiresAt, revoked = false } = {}) {
      const { key, text } = newKey({
        name: "test",
        tools,
        createdAt: Date.now(),
        ...expiresAt === undefined ? {} : { expiresAt },
      });
      await store.add(key);
      if (revoked) await store.revoke(key.id, Date.now());
      return text;
    },
    async revoke(text) {
      await store.revoke(text.split("_")[1]!, Date.now());
    },
    async send(method, path, { bearer, body, headers } = {}) {
      return await harness.gateway.app.request(path, {
        method,
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
          ...headers,
        },
        ...body === undefined ? {} : { body },
      });
    },
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
