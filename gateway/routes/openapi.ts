/** `GET /openapi.json`: the HTTP API described for programs. */

import type { Routes } from "../http/methods.ts";
import { openapiDocument } from "../openapi/document.ts";

/** The route. */
export function openapiRoutes(): Routes {
  const text = JSON.stringify(openapiDocument());
  const headers = { "content-type": "application/json" };
  return { "/openapi.json": { GET: () => new Response(text, { headers }) } };
}
