/** A repository in a registry, by the OCI distribution specification. */

import { sha256 } from "../../digest.ts";
import { checkDigest, readAll, tooLarge } from "../bytes.ts";
import { body, mayFollow, refused, send, type WebAnswer } from "../request.ts";
import { SourceError } from "../source.ts";
import { parseChallenges } from "./challenge.ts";
import { readCredentials } from "./credentials.ts";
import { type Descriptor, MANIFEST_TYPES } from "./manifest.ts";
import type { OciReference } from "./reference.ts";

/** Largest manifest or index, in bytes; what registries must take. */
const MANIFEST_BYTES = 4 * 2 ** 20;

/** Largest answer with a token, in bytes. */
const TOKEN_BYTES = 256 * 2 ** 10;

/** How to reach a registry. */
export interface RegistryAccess {
  /** File in the form of Docker's `config.json`. */
  readonly pullSecret: string | undefined;
  /** HTTP without TLS. */
  readonly plainHttp: boolean;
}

/** A manifest or index as the registry holds it. */
export interface ManifestDocument {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256, in hex. */
  readonly digest: string;
}

/** One repository, which may want a token. */
export class Repository {
  readonly #reference: OciReference;
  readonly #access: RegistryAccess;
  readonly #base: URL;
  /** For logs and errors. */
  readonly name: string;
  /** Worked last; the registry says when it does no more. */
  #authorization: string | undefined;

  constructor(reference: OciReference, access: RegistryAccess) {
    this.#reference = reference;
    this.#access = access;
    const { registry, repository } = reference;
    this.name = `${registry}/${repository}`;
    const host = /^(index\.)?docker\.io$/.test(registry) ? "registry-1.docker.io" : registry;
    const base = `${access.plainHttp ? "http" : "https"}://${host}/v2/${repository}/`;
    const url = URL.parse(base);
    if (url === null) throw new SourceError("bad_reference", `${this.name}: no valid host`);
    this.#base = url;
  }

  /**
   * A manifest or index.
   *
   * @param wanted a tag, or `sha256:...`
   * @throws SourceError; the signal's reason
   */
  async manifest(wanted: string, signal: AbortSignal): Promise<ManifestDocument> {
    const from = this.#show(wanted);
    const answer = await this.#askManifest("GET", wanted, signal);
    const bytes = await body(answer, signal, (it) => readAll(it, MANIFEST_BYTES, from));
    const digest = await sha256(bytes);
    const pinned = digestIn(wanted) ?? digestIn(contentDigest(answer.response));
    checkDigest(digest, pinned, `the manifest ${from}`);
    return { bytes, digest };
  }

  /**
   * The digest of what a tag stands for; absent when the registry does not say.
   *
   * @throws SourceError; the signal's reason
   */
  async resolve(tag: string, signal: AbortSignal): Promise<string | undefined> {
    const { response } = await this.#askManifest("HEAD", tag, signal);
    await response.body?.cancel();
    return digestIn(contentDigest(response));
  }

  /**
   * A blob, checked.
   *
   * @throws SourceError; the signal's reason
   */
  async blob(
    { digest, size }: Descriptor,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const from = `the module in ${this.#show(`sha256:${digest}`)}`;
    if (size > maxBytes) throw tooLarge(`${from} (${size} bytes)`, maxBytes);
    const answer = await this.#ask("GET", `blobs/sha256:${digest}`, "*/*", signal);
    if (!answer.response.ok) throw await this.#refused(answer, from);
    const bytes = await body(answer, signal, (it) => readAll(it, size, from));
    checkDigest(await sha256(bytes), digest, from);
    return bytes;
  }

  #show(wanted: string): string {
    return `${this.name}${wanted.startsWith("sha256:") ? "@" : ":"}${wanted}`;
  }

  async #askManifest(
    method: "GET" | "HEAD",
    wanted: string,
    signal: AbortSignal,
  ): Promise<WebAnswer> {
    const answer = await this.#ask(method, `manifests/${wanted}`, MANIFEST_TYPES.join(), signal);
    if (answer.response.ok) return answer;
    throw await this.#refused(answer, this.#show(wanted));
  }

  #refused(answer: WebAnswer, from: string): Promise<SourceError> {
    const { pullSecret } = this.#access;
    return refused(answer, from, {
      unauthorized: pullSecret === undefined
        ? `give a pull secret with an entry for ${this.#reference.registry}`
        : `does the pull secret ${pullSecret} have a valid entry for ` +
          `${this.#reference.registry}? Credential helpers are not asked`,
      notFound: "check repository, tag and digest, and whether the pull secret may read them",
    });
  }

  /** Asks; where the registry wants it, once more with credentials. */
  async #ask(
    method: "GET" | "HEAD",
    path: string,
    accept: string,
    signal: AbortSignal,
  ): Promise<WebAnswer> {
    const url = new URL(path, this.#base);
    const headers = { accept };
    const ask = () => send(url, { method, headers, authorization: this.#authorization, signal });
    const answer = await ask();
    // A store that it redirects to has no say in where credentials go.
    if (answer.response.status !== 401 || answer.url.origin !== url.origin) return answer;
    await answer.response.body?.cancel();
    const challenge = answer.response.headers.get("www-authenticate") ?? "";
    const authorization = await this.#authorize(challenge, signal);
    if (authorization === undefined) return answer;
    this.#authorization = authorization;
    return await ask();
  }

  /** The `Authorization` that a challenge asks for; absent when there is none to give. */
  async #authorize(header: string, signal: AbortSignal): Promise<string | undefined> {
    const { registry, repository } = this.#reference;
    const { pullSecret } = this.#access;
    const credentials = pullSecret === undefined
      ? undefined
      : await readCredentials(pullSecret, registry, repository);
    const challenges = parseChallenges(header);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) return `Bearer ${await this.#token(bearer.parameters, credentials, signal)}`;
    return challenges.some(({ scheme }) => scheme === "basic") ? credentials : undefined;
  }

  async #token(
    parameters: ReadonlyMap<string, string>,
    credentials: string | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const realm = URL.parse(parameters.get("realm") ?? "");
    if (realm === null || !mayFollow(this.#base, realm)) {
      const where = realm === null ? "no URL" : `${realm.protocol}//${realm.host}`;
      const message = `${this.name}: the registry wants tokens from ${where}; only https is asked`;
      throw new SourceError("unauthorized", message);
    }
    realm.username = realm.password = "";
    const service = parameters.get("service");
    if (service !== undefined) realm.searchParams.set("service", service);
    // Not the scope that the challenge asks for: nothing but reading this repository is needed.
    realm.searchParams.set("scope", `repository:${this.#reference.repository}:pull`);
    const answer = await send(realm, { authorization: credentials, signal });
    const from = `the token for ${this.name}`;
    if (!answer.response.ok) throw await this.#refused(answer, from);
    return tokenIn(await body(answer, signal, (it) => readAll(it, TOKEN_BYTES, from)), from);
  }
}

function contentDigest(response: Response): string {
  return response.headers.get("docker-content-digest") ?? "";
}

function digestIn(text: string): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(text)?.[1];
}

/** `token`, or `access_token` as OAuth calls it. */
function tokenIn(bytes: Uint8Array, from: string): string {
  let token: unknown;
  try {
    const answer = JSON.parse(new TextDecoder().decode(bytes));
    token = answer?.token ?? answer?.access_token;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) return token;
  // No cause: the parser quotes the text, which may be a token.
  throw new SourceError("unreachable", `${from}: the answer holds no token`);
}
