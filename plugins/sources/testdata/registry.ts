/** A registry, as far as pulling goes, with the faults that tests want. */

import { sha256 } from "../../digest.ts";
import { broken, serve, type TestServer } from "./stage.ts";

/** What a registry keeps under a digest. */
interface Content {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

/** One request that arrived. */
export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
}

/** How a registry behaves; may be changed at any time. */
export interface Behaviour {
  /** Whom it lets in: everybody, a user by password, or who has a token for that password. */
  auth: "none" | "basic" | "token";
  /** Origin that blobs are redirected to. */
  blobsAt?: string;
  /** Where it sends for tokens; default: itself. */
  realm?: string;
  /** Other bytes than those of a digest. */
  tampered: Map<string, Uint8Array<ArrayBuffer>>;
  /** Digests whose content breaks off. */
  truncated: Set<string>;
  /** Answer to everything. */
  status?: number;
}

const PASSWORD = "user:pa ss:wörd";
const TOKEN = "token-of-the-test";

/** Credentials that it takes, base64 as in a pull secret. */
export const AUTH = new TextEncoder().encode(PASSWORD).toBase64();

const encoder = new TextEncoder();

/** A registry on a free port of this machine. */
export class TestRegistry implements AsyncDisposable {
  readonly arrivals: Arrival[] = [];
  readonly behaviour: Behaviour = { auth: "none", tampered: new Map(), truncated: new Set() };
  readonly #contents = new Map<string, Content>();
  readonly #server: TestServer = serve((request) => this.#answer(request));

  get host(): string {
    return this.#server.host;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Paths that were asked for since the last call. */
  asked(): string[] {
    return this.arrivals.splice(0).map(({ method, path }) => `${method} ${path}`);
  }

  /** Keeps a blob; its digest. */
  async blob(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    const digest = `sha256:${await sha256(bytes)}`;
    this.#contents.set(`blobs/${digest}`, { bytes, type: "application/octet-stream" });
    return digest;
  }

  /** Keeps a document, under a tag too; its digest. */
  async document(document: unknown, type: string, tag?: string): Promise<string> {
    const bytes = encoder.encode(JSON.stringify(document));
    const digest = `sha256:${await sha256(bytes)}`;
    for (const name of tag === undefined ? [digest] : [digest, tag]) {
      this.#contents.set(`manifests/${name}`, { bytes, type });
    }
    return digest;
  }

  /** Keeps a module as an artifact; the digest of its manifest. */
  async push(
    module: Uint8Array<ArrayBuffer>,
    tag?: string,
    layerType = "application/wasm",
  ): Promise<string> {
    const digest = await this.blob(module);
    const config = await this.blob(encoder.encode("{}"));
    const type = "application/vnd.oci.image.manifest.v1+json";
    const manifest = {
      schemaVersion: 2,
      mediaType: type,
      config: { mediaType: "application/vnd.wasm.config.v0+json", digest: config, size: 2 },
      layers: [{ mediaType: layerType, digest, size: module.length }],
    };
    return await this.document(manifest, type, tag);
  }

  /** Keeps an index; its digest. */
  async index(manifests: readonly unknown[], tag?: string): Promise<string> {
    const type = "application/vnd.oci.image.index.v1+json";
    return await this.document({ schemaVersion: 2, mediaType: type, manifests }, type, tag);
  }

  #answer(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url);
    const authorization = request.headers.get("authorization");
    this.arrivals.push({
      method: request.method,
      path: pathname.replace("/v2/team/plugin/", ""),
      authorization,
    });
    const { auth, status } = this.behaviour;
    if (status !== undefined) return new Response(null, { status });
    if (pathname === "/token") return this.#token(authorization, searchParams);
    const wanted = { none: authorization, basic: `Basic ${AUTH}`, token: `Bearer ${TOKEN}` };
    if (authorization !== wanted[auth]) return this.#challenge(auth);
    const name = /^\/v2\/team\/plugin\/(.*)$/.exec(pathname)?.[1] ?? "";
    return this.#content(name);
  }

  #token(authorization: string | null, query: URLSearchParams): Response {
    const right = authorization === `Basic ${AUTH}` &&
      query.get("scope") === "repository:team/plugin:pull" && query.get("service") === "the, test";
    if (!right) return Response.json({ errors: [] }, { status: 401 });
    return Response.json({ token: TOKEN, expires_in: 60 });
  }

  #challenge(auth: Behaviour["auth"]): Response {
    const realm = this.behaviour.realm ?? `http://${this.host}/token`;
    const challenge = auth === "basic"
      ? 'Basic realm="test"'
      : `Bearer realm="${realm}",service="the, test",scope="repository:other:push"`;
    return new Response("no", { status: 401, headers: { "www-authenticate": challenge } });
  }

  #content(name: string): Response {
    const content = this.#contents.get(name);
    if (content === undefined) return Response.json({ errors: [] }, { status: 404 });
    const { blobsAt, tampered, truncated } = this.behaviour;
    const digest = name.split("/")[1]!;
    if (name.startsWith("blobs/") && blobsAt !== undefined) {
      const location = `${blobsAt}/${digest}?signature=SECRET`;
      return new Response(null, { status: 307, headers: { location } });
    }
    const headers = { "content-type": content.type };
    if (truncated.has(digest)) return new Response(broken(content.bytes), { headers });
    return new Response(tampered.get(digest) ?? content.bytes, { headers });
  }
}
