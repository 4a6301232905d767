/**
 * The Kubernetes API by Deno's own `fetch`, which notices when a stream ends. Requests that can be
 * repeated are, a little; every one has a time limit.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/
 */

import { KubeError, refusal } from "./errors.ts";
import { readChunks } from "./lines.ts";
import type { Access } from "./kubeconfig.ts";
import type { KubeObject } from "./object.ts";
import { pathOf, type Resource, resourceOf } from "./resources.ts";

/** Owner of the fields that the operator applies. */
export const FIELD_MANAGER = "asya-operator";

const TIMEOUT_MS = 30_000;
const PAGE = 200;
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 200;
/** The longest that a server's Retry-After is obeyed within one request. */
const LONGEST_PAUSE_MS = 5_000;
/** How long a token from a file is used before the file is read again. */
const TOKEN_MS = 60_000;

const JSON_TYPE = "application/json";
const MERGE_TYPE = "application/merge-patch+json";
/** JSON is YAML. */
const APPLY_TYPE = "application/apply-patch+yaml";

/** One object's address. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** What a list or watch is about. */
export interface Scope {
  readonly resource: Resource;
  /** Without it: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** How an object is applied. */
export interface ApplyOptions {
  /** Default: {@linkcode FIELD_MANAGER}. */
  readonly fieldManager?: string;
  /** Default: true. */
  readonly force?: boolean;
}

/** One page of a list. */
export interface Page {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

interface Call {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly type?: string;
  /** Whether it may be sent again when nobody knows if it arrived. */
  readonly repeatable: boolean;
}

/** A connection to one API server. */
export class KubeClient {
  readonly #access: Access;
  readonly #http: Deno.HttpClient;
  #token: { readonly value: string; readonly at: number } | undefined;

  constructor(access: Access) {
    this.#access = access;
    const { ca, cert, key } = access;
    this.#http = Deno.createHttpClient({
      ...ca === undefined ? {} : { caCerts: [ca] },
      ...cert === undefined || key === undefined ? {} : { cert, key },
    });
  }

  /** One object; undefined: there is none. @throws KubeError */
  async get(resource: Resource, key: ObjectKey): Promise<KubeObject | undefined> {
    try {
      const path = pathOf(resource, key);
      return await this.#json({ what: say("get", resource, key), method: "GET", path, ...SAFE });
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Whether a group and version with this resource is served. @throws KubeError */
  async serves({ apiVersion, plural }: Resource): Promise<boolean> {
    const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    try {
      const what = `discover ${apiVersion}`;
      const found = await this.#json<{ resources?: readonly { readonly name: string }[] }>(
        { what, method: "GET", path: root, ...SAFE },
      );
      return found.resources?.some(({ name }) => name === plural) ?? false;
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return false;
      throw error;
    }
  }

  /** A list, page by page. Its items have kind and version, which the server leaves out. @throws KubeError */
  async *list(scope: Scope, signal?: AbortSignal): AsyncGenerator<Page, void, void> {
    const { resource, namespace } = scope;
    let next: string | undefined;
    do {
      const found = await this.#json<RawList>({
        what: `list ${resource.plural}${namespace === undefined ? "" : ` in ${namespace}`}`,
        method: "GET",
        path: pathOf(resource, namespace === undefined ? {} : { namespace }),
        query: { ...selectors(scope), limit: String(PAGE), continue: next },
        ...SAFE,
      }, signal);
      const { apiVersion, kind } = resource;
      yield {
        items: found.items.map((item) => ({ ...item, apiVersion, kind })),
        resourceVersion: found.metadata.resourceVersion,
      };
      next = found.metadata.continue || undefined;
    } while (next !== undefined);
  }

  /** The bytes of a watch, one JSON event a line. @throws KubeError */
  async watch(
    scope: Scope,
    resourceVersion: string,
    timeoutSeconds: number,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const { resource, namespace } = scope;
    const response = await this.#send({
      what: `watch ${resource.plural}${namespace === undefined ? "" : ` in ${namespace}`}`,
      method: "GET",
      path: pathOf(resource, namespace === undefined ? {} : { namespace }),
      query: {
        ...selectors(scope),
        watch: "true",
        allowWatchBookmarks: "true",
        resourceVersion,
        timeoutSeconds: String(timeoutSeconds),
      },
      repeatable: false,
    }, signal);
    return response.body!;
  }

  /**
   * Server-side apply: the manager's fields become these, everybody else's stay. With force (default)
   * a field that somebody else has set otherwise becomes the manager's.
   * @throws KubeError 409 when there is such a field, and no force
   */
  async apply(
    object: KubeObject,
    { fieldManager = FIELD_MANAGER, force = true }: ApplyOptions = {},
  ): Promise<KubeObject> {
    const resource = resourceOf(object);
    const key = keyOf(object);
    return await this.#json({
      what: say("apply", resource, key),
      method: "PATCH",
      path: pathOf(resource, key),
      query: { fieldManager, force: String(force) },
      body: object,
      type: APPLY_TYPE,
      repeatable: true,
    });
  }

  /** JSON merge patch, of the object or its status. @throws KubeError */
  async merge(
    resource: Resource,
    key: ObjectKey,
    patch: unknown,
    subresource?: "status",
  ): Promise<KubeObject> {
    return await this.#json({
      what: say(subresource === undefined ? "change" : "write the status of", resource, key),
      method: "PATCH",
      path: pathOf(resource, { ...key, ...subresource === undefined ? {} : { subresource } }),
      query: { fieldManager: FIELD_MANAGER },
      body: patch,
      type: MERGE_TYPE,
      repeatable: true,
    });
  }

  /** Makes an object that is not there yet. @throws KubeError 409 when it is */
  async create(object: KubeObject): Promise<KubeObject> {
    const resource = resourceOf(object);
    const { namespace, name } = keyOf(object);
    return await this.#json({
      what: say("create", resource, { namespace, name }),
      method: "POST",
      path: pathOf(resource, { namespace }),
      query: { fieldManager: FIELD_MANAGER },
      body: object,
      repeatable: false,
    });
  }

  /** Writes a whole object; its `resourceVersion` must be the present one. @throws KubeError 409 when not */
  async replace(object: KubeObject): Promise<KubeObject> {
    const resource = resourceOf(object);
    const key = keyOf(object);
    return await this.#json({
      what: say("replace", resource, key),
      method: "PUT",
      path: pathOf(resource, key),
      query: { fieldManager: FIELD_MANAGER },
      body: object,
      repeatable: false,
    });
  }

  /** Deletes an object and, in the background, what it owns; one that is gone is fine. @throws KubeError */
  async delete(resource: Resource, key: ObjectKey, uid?: string): Promise<void> {
    try {
      await this.#json({
        what: say("delete", resource, key),
        method: "DELETE",
        path: pathOf(resource, key),
        body: {
          propagationPolicy: "Background",
          ...uid === undefined ? {} : { preconditions: { uid } },
        },
        repeatable: true,
      });
    } catch (error) {
      // 409: another object has its name by now, which is not meant
      if (!(error instanceof KubeError) || error.status !== 404 && error.status !== 409) {
        throw error;
      }
    }
  }

  /** Lets go of the connections. */
  close(): void {
    this.#http.close();
  }

  async #json<T = KubeObject>(call: Call, signal?: AbortSignal): Promise<T> {
    for (let attempt = 1;; attempt++) {
      try {
        using limit = limited(signal);
        const response = await this.#send(call, limit.signal);
        return JSON.parse(await textOf(response, limit.signal)) as T;
      } catch (error) {
        const failure = asKubeError(call.what, error);
        // a 429 was not begun; a create that got no answer may have been done
        const again = failure.passing && (call.repeatable || failure.status === 429);
        if (!again || attempt >= ATTEMPTS || signal?.aborted) throw failure;
        const asked = (failure.retryAfter ?? 0) * 1000;
        const own = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
        const ms = Math.min(Math.max(asked, own), LONGEST_PAUSE_MS);
        await new Promise((resolve) => setTimeout(resolve, ms));
      }
    }
  }

  async #send(call: Call, signal: AbortSignal): Promise<Response> {
    const url = new URL(this.#access.server + call.path);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const token = await this.#authorization();
    const headers = new Headers({ accept: JSON_TYPE, "user-agent": FIELD_MANAGER });
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    if (call.body !== undefined) headers.set("content-type", call.type ?? JSON_TYPE);
    let response: Response;
    try {
      response = await fetch(url, {
        method: call.method,
        headers,
        signal,
        client: this.#http,
        ...call.body === undefined ? {} : { body: JSON.stringify(call.body) },
      });
    } catch (error) {
      throw asKubeError(call.what, error);
    }
    if (response.ok) return response;
    if (response.status === 401) this.#token = undefined;
    throw refusal(call.what, response, await response.text());
  }

  async #authorization(): Promise<string | undefined> {
    const { token, tokenFile } = this.#access;
    if (token !== undefined || tokenFile === undefined) return token;
    const now = Date.now();
    if (this.#token === undefined || now - this.#token.at > TOKEN_MS) {
      this.#token = { value: (await Deno.readTextFile(tokenFile)).trim(), at: now };
    }
    return this.#token.value;
  }
}

/** A signal that aborts with another one, or when a request has taken too long. */
function limited(signal: AbortSignal | undefined): Disposable & { readonly signal: AbortSignal } {
  const limit = new AbortController();
  const end = () => limit.abort(signal?.reason);
  const timer = setTimeout(() => limit.abort(new Error(`after ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  signal?.addEventListener("abort", end);
  if (signal?.aborted) end();
  return {
    signal: limit.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    },
  };
}

async function textOf(response: Response, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  if (response.body !== null) {
    for await (const chunk of readChunks(response.body, signal)) {
      text += decoder.decode(chunk, { stream: true });
    }
  }
  signal.throwIfAborted();
  return text + decoder.decode();
}

interface RawList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[];
}

const SAFE = { repeatable: true };

function selectors({ labelSelector, fieldSelector }: Scope) {
  return { labelSelector, fieldSelector };
}

/** Where an object of a namespace is. */
export function keyOf({ metadata: { namespace = "default", name } }: KubeObject): ObjectKey {
  return { namespace, name };
}

function say(verb: string, { kind }: Resource, { namespace, name }: ObjectKey): string {
  return `${verb} ${kind} ${namespace}/${name}`;
}

/** An abort or a broken connection is an answer that never came. */
function asKubeError(what: string, error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const message = `the API server does not answer: ${why}`;
  return new KubeError(what, 0, "Unreachable", message, undefined, { cause: error });
}
