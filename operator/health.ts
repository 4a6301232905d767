/** `/health/live`, `/health/ready` and `/metrics`, for probes and Prometheus. */

import { SettingsError } from "@asya/config";

/** What is told. */
export interface Told {
  /** Why the process should be restarted. */
  readonly dead: () => string | undefined;
  /** Why it cannot do its work now; waiting to lead is work. */
  readonly trouble: () => string | undefined;
  readonly metrics: () => Promise<string>;
}

/** Answers one request. */
export async function answer({ url, method }: Request, told: Told): Promise<Response> {
  if (method !== "GET" && method !== "HEAD") return new Response(null, { status: 405 });
  switch (new URL(url).pathname) {
    case "/health/live":
      return state(told.dead());
    case "/health/ready":
      return state(told.dead() ?? told.trouble());
    case "/metrics":
      return new Response(await told.metrics(), {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      });
    default:
      return new Response("not found\n", { status: 404 });
  }
}

function state(trouble: string | undefined): Response {
  if (trouble === undefined) return Response.json({ ok: true });
  return Response.json({ ok: false, trouble }, { status: 503 });
}

/** Serves until shut down. @throws SettingsError when the address cannot be listened on */
export function serveHealth(
  address: { readonly hostname: string; readonly port: number },
  told: Told,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    const options = { ...address, onListen: () => undefined };
    return Deno.serve(options, (request) => answer(request, told));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SettingsError([
      `ASYA_METRICS_ADDR: cannot listen on ${address.hostname}:${address.port}: ${why}`,
    ]);
  }
}
