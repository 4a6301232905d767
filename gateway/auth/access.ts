/**
 * What a request needs before it is looked at. What is not named here needs a caller, so a new
 * route is closed until somebody opens it.
 */

/**
 * `public`: nothing; `mesh`: the token of the sidecars; `hook`: a signature, which the route checks;
 * `caller`: a key or a token.
 */
export type Access = "public" | "mesh" | "hook" | "caller";

const PUBLIC = /^\/(health(\/live|\/ready)?|openapi\.json|\.well-known\/[^/]+(\/mcp)?)$/;
const MESH_POST = /^\/(reports|envelopes|envelopes\/[^/]+\/(progress|final))$/;
const HOOK_POST = /^\/hooks\/[^/]+$/;

/** What a request needs. @param path as the router sees it */
export function accessOf(method: string, path: string): Access {
  if ((method === "GET" || method === "HEAD") && PUBLIC.test(path)) return "public";
  if (method === "POST" && MESH_POST.test(path)) return "mesh";
  if (method === "POST" && HOOK_POST.test(path)) return "hook";
  return "caller";
}
