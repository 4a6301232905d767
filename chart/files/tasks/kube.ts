/** The API server as a pod sees it, for the chart's short tasks. */

const HOST = "https://kubernetes.default.svc";
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** How long one request may take, in milliseconds. */
const REQUEST_MS = 20_000;

/** The API server refused a request; the message has its own words. */
export class ApiError extends Error {
  /** The class's name. */
  override readonly name = "ApiError";
  /** Stable, for programs. */
  readonly code = "kubernetes_api";
  /** Of the answer's HTTP status and text. */
  constructor(readonly status: number, path: string, text: string) {
    super(`${path}: the API server answered ${status}: ${text.slice(0, 2_000)}`);
  }
}

/** A request's body and its media type. */
export interface Body {
  /** E.g. `application/merge-patch+json`. */
  readonly type: string;
  /** As it goes out. */
  readonly text: string;
}

/** Sends requests as the pod's service account. */
export class Kube implements Disposable {
  readonly #client = Deno.createHttpClient({
    caCerts: [Deno.readTextFileSync(`${ACCOUNT}/ca.crt`)],
  });

  /**
   * One request.
   *
   * @param path from the root, e.g. `/api/v1/namespaces/a/pods`
   * @returns the object of the answer; undefined where there is no such object
   * @throws ApiError for any other answer that is no success
   */
  async request(method: string, path: string, body?: Body): Promise<unknown> {
    const headers: Record<string, string> = {
      accept: "application/json",
      authorization: `Bearer ${Deno.readTextFileSync(`${ACCOUNT}/token`).trim()}`,
    };
    if (body !== undefined) headers["content-type"] = body.type;
    const response = await fetch(`${HOST}${path}`, {
      method,
      headers,
      client: this.#client,
      signal: AbortSignal.timeout(REQUEST_MS),
      ...body === undefined ? {} : { body: body.text },
    });
    const text = await response.text();
    if (response.status === 404) return undefined;
    if (!response.ok) throw new ApiError(response.status, path, text);
    return JSON.parse(text);
  }

  /** Frees the connections. */
  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Where actors of a namespace are. */
export function actorPath(namespace: string, name: string): string {
  return `/apis/asya.sh/v1alpha1/namespaces/${namespace}/asyncactors/${name}`;
}
