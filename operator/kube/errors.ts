/** What the API server refuses, and how its refusals are told apart. */

/** A request to the API server failed. */
export class KubeError extends Error {
  /** The class's name. */
  override readonly name = "KubeError";
  /** For programs: `kube_unreachable` when no answer came, else `kube_refused`. */
  readonly code: "kube_unreachable" | "kube_refused";

  /**
   * @param what the request, such as `apply Deployment shop/prep`
   * @param status of HTTP; 0 when no answer came
   * @param reason the server's own word, such as `NotFound`, `Conflict`, `Expired`
   */
  constructor(
    readonly what: string,
    readonly status: number,
    readonly reason: string,
    message: string,
    /** Seconds after which the server wants to be asked again. */
    readonly retryAfter?: number,
    options?: ErrorOptions,
  ) {
    super(`${what}: ${message}${advice(status, reason)}`, options);
    this.code = status === 0 ? "kube_unreachable" : "kube_refused";
  }

  /** Whether the same request may succeed in a moment, nobody changing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** Nothing new may be made in a namespace that is being deleted. */
  get namespaceEnds(): boolean {
    return this.status === 403 && /because it is being terminated/.test(this.message);
  }

  /** The list or watch is older than what the server remembers. */
  get expired(): boolean {
    return this.status === 410;
  }
}

function advice(status: number, reason: string): string {
  if (status === 401) return "; the API server does not know these credentials";
  if (status === 403 && reason === "Forbidden") {
    return "; the operator's role does not allow it: see the chart's ClusterRole";
  }
  return "";
}

/** The error of an answer that is no 2xx. @param text its body */
export function refusal(what: string, response: Response, text: string): KubeError {
  const { status, headers, statusText } = response;
  const after = Number(headers.get("retry-after") ?? NaN);
  let reason = statusText || String(status);
  let message = text.slice(0, 500) || `status ${status}`;
  try {
    const body = JSON.parse(text) as { reason?: unknown; message?: unknown };
    if (typeof body.reason === "string") reason = body.reason;
    if (typeof body.message === "string") message = body.message.slice(0, 2_000);
  } catch (error) {
    // a proxy on the way answered, not in JSON: its text is the message
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new KubeError(what, status, reason, message, Number.isFinite(after) ? after : undefined);
}
