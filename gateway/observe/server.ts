/** `/metrics` on an address of its own: what is counted is nobody's business outside. */

const TEXT_FORMAT = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };

/** Answers `GET /metrics`. */
export function metricsHandler(text: () => Promise<string>) {
  return async (request: Request): Promise<Response> => {
    if (new URL(request.url).pathname !== "/metrics") {
      return new Response("not found\n", { status: 404 });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
    }
    return new Response(await text(), { headers: TEXT_FORMAT });
  };
}
