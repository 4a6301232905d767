/** Errors as every client sees them: problem details for HTTP APIs, RFC 9457. */

import { EnvelopeError } from "@asya/envelope";
import { StoreUnavailable } from "../store/store.ts";

/** A request that cannot be served, with the status that says so. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  /**
   * @param status the HTTP status
   * @param code stable, for programs
   * @param headers more response headers, e.g. `allow`
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

/** Anything thrown, as the error that goes to the client; `undefined` where it is our own fault. */
export function toGatewayError(error: unknown): GatewayError | undefined {
  if (error instanceof GatewayError) return error;
  if (error instanceof EnvelopeError) {
    return new GatewayError(400, error.code, error.message, {}, { cause: error });
  }
  if (error instanceof StoreUnavailable) {
    return new GatewayError(503, error.code, error.message, { "retry-after": "1" }, {
      cause: error,
    });
  }
  return undefined;
}

/** The response for an error: `application/problem+json` with our `code` as extension member. */
export function problemResponse(error: GatewayError): Response {
  const body = {
    type: "about:blank",
    title: TITLES[error.status] ?? "Internal Server Error",
    status: error.status,
    detail: error.message,
    code: error.code,
  };
  return new Response(JSON.stringify(body), {
    status: error.status,
    headers: { "content-type": "application/problem+json", ...error.headers },
  });
}
