/** An identity provider on this machine: metadata, keys, and tokens signed with them. */

import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

/** What goes into a token; what is absent is right. */
export interface TokenOptions {
  readonly claims?: JWTPayload;
  /** Claims that it lacks. */
  readonly without?: readonly string[];
  readonly kid?: string;
}

/** An issuer that answers. */
export interface Issuer extends AsyncDisposable {
  readonly url: string;
  readonly audience: string;
  /** How often the keys were asked for. */
  readonly asked: () => number;
  /** The public key as SPKI in PEM, which is no secret. */
  readonly publicPem: string;
  /** A token for us, now, for all tools. */
  token(options?: TokenOptions): Promise<string>;
  /** From now on a new key signs, and is in the set beside the old one. */
  rotate(): Promise<void>;
}

async function newKey(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...await exportJWK(publicKey), kid, alg: "RS256", use: "sig" };
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  return { kid, jwk, privateKey, pem: spki.toBase64() };
}

/** Starts one. */
export async function startIssuer(audience = "https://gateway.test/mcp"): Promise<Issuer> {
  const keys = [await newKey("k1")];
  let asked = 0;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request): Response => {
      const { pathname } = new URL(request.url);
      if (pathname === "/.well-known/openid-configuration") {
        return Response.json({ issuer: url, jwks_uri: `${url}/keys` });
      }
      if (pathname !== "/keys") return new Response(null, { status: 404 });
      asked++;
      return Response.json({ keys: keys.map(({ jwk }) => jwk) });
    },
  );
  const url: string = `http://127.0.0.1:${server.addr.port}`;
  return {
    url,
    audience,
    asked: () => asked,
    publicPem: keys[0]!.pem,
    async token({ claims = {}, without = [], kid } = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const all: JWTPayload = {
        iss: url,
        aud: audience,
        sub: "ada",
        scope: "openid tools:*",
        iat: now,
        exp: now + 300,
        ...claims,
      };
      for (const name of without) delete all[name];
      const key = keys.at(-1)!;
      return await new SignJWT(all).setProtectedHeader({ alg: "RS256", kid: kid ?? key.kid })
        .sign(key.privateKey);
    },
    async rotate() {
      keys.push(await newKey(`k${keys.length + 1}`));
    },
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}
