import assert from "node:assert/strict";
import { accessOf } from "./access.ts";

Deno.test("accessOf() opens what is named and nothing else", () => {
  const table: [string, string, ReturnType<typeof accessOf>][] = [
    ["GET", "/health", "public"],
    ["HEAD", "/health/ready", "public"],
    ["POST", "/health", "caller"],
    ["GET", "/healthy", "caller"],
    ["GET", "/health/../envelopes", "caller"],
    ["GET", "/openapi.json", "public"],
    ["GET", "/.well-known/oauth-protected-resource", "public"],
    ["GET", "/.well-known/oauth-protected-resource/mcp", "public"],
    ["GET", "/.well-known/a/b", "caller"],
    ["POST", "/reports", "mesh"],
    ["GET", "/reports", "caller"],
    ["POST", "/envelopes", "mesh"],
    ["GET", "/envelopes", "caller"],
    ["POST", "/envelopes/x/final", "mesh"],
    ["POST", "/envelopes/x/progress", "mesh"],
    ["POST", "/envelopes/x/retry", "caller"],
    ["POST", "/envelopes/x/y/final", "caller"],
    ["POST", "/envelopes/x/final/", "caller"],
    ["DELETE", "/envelopes/x", "caller"],
    ["GET", "/envelopes/x/stream", "caller"],
    ["POST", "/hooks/github", "hook"],
    ["GET", "/hooks/github", "caller"],
    ["POST", "/tools/call", "caller"],
    ["POST", "/mcp", "caller"],
    ["GET", "/tomorrow", "caller"],
  ];
  for (const [method, path, access] of table) {
    assert.equal(accessOf(method, path), access, `${method} ${path}`);
  }
});
