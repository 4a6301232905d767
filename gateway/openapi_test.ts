import assert from "node:assert/strict";
import type { Hono } from "hono";
import { z } from "zod";
import { openapiDocument, templatePath } from "./openapi/document.ts";
import { type Operation, OPERATIONS } from "./openapi/operations.ts";
import { problem } from "./openapi/schemas.ts";
import { type Harness, startHarness, until } from "./testing/harness.ts";

/** What describes itself. */
const BESIDE = ["/mcp"];

Deno.test("openapiDocument() has every route of the app, and no other", async () => {
  await using harness = await startHarness();
  const { routes } = harness.gateway.app as unknown as Hono;
  const real = routes.filter(({ method, path }) => method !== "ALL" && !BESIDE.includes(path));
  const inApp = new Set(real.map(({ method, path }) => `${method} ${path}`));
  const described = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`)
  );
  assert.deepEqual([...inApp].sort(), described.sort());
});

Deno.test("GET /openapi.json serves the document, whose references lead somewhere", async () => {
  await using harness = await startHarness();
  const response = await harness.request("GET", "/openapi.json");
  const text = await response.text();
  const document = JSON.parse(text);
  assert.deepEqual(document, JSON.parse(JSON.stringify(openapiDocument())));
  assert.match(document.openapi, /^3\.1\./);
  for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = pointer!.split("/").reduce((value, key) => value?.[key], document);
    assert.ok(found, pointer);
  }
  for (
    const [path, methods] of Object.entries<
      Record<string, { parameters?: { in: string; name: string }[] }>
    >(document.paths)
  ) {
    const names = Array.from(path.matchAll(/\{([a-z]+)\}/g), ([, name]) => name);
    for (const { parameters = [] } of Object.values(methods)) {
      const given = parameters.filter((one) => one.in === "path").map(({ name }) => name);
      assert.deepEqual(given, names, path);
    }
  }
});

/** Checks real responses against the document while a test uses the API. */
class Checked {
  readonly seen = new Set<string>();
  constructor(private readonly harness: Harness) {}

  async ask(
    method: string,
    path: string,
    wanted: number,
    values: Record<string, string>,
    body?: unknown,
    // deno-lint-ignore no-explicit-any -- tests look into it
  ): Promise<any> {
    const filled = path.replaceAll(/:([a-z]+)/g, (_, name) => values[name]!);
    const response = await this.harness.request(method, filled + (values.query ?? ""), body);
    const text = await response.text();
    assert.equal(response.status, wanted, `${method} ${filled}: ${text}`);
    this.seen.add(`${method} ${path} ${wanted}`);
    const operation: Operation = OPERATIONS[path]![method]!;
    const content = operation.responses[wanted] === undefined
      ? problem
      : operation.responses[wanted];
    const type = response.headers.get("content-type");
    if (content === null) {
      assert.equal(text, "");
    } else if (typeof content === "string") {
      assert.equal(type?.replace("; ", ";"), content);
    } else {
      assert.equal(type, content === problem ? "application/problem+json" : "application/json");
      const value = JSON.parse(text);
      strict(content).parse(value);
      return value;
    }
  }
}

/** The same schema, without members that it does not name. */
function strict(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodObject ? schema.strict() : schema;
}

Deno.test("every response that openapiDocument() promises comes, and is as it says", async () => {
  await using harness = await startHarness({
    yaml: `tools:
  - name: echo
    parameters: { text: { type: string, required: true } }
    examples: [{ text: hi }]
    metadata: { team: nlp }
    route: [prep]
    timeout: 60
  - { name: hooked, route: [prep], hook: { secretEnv: HOME } }
`,
  });
  const checked = new Checked(harness);
  const none = {};
  for (const path of ["/health", "/health/live", "/health/ready", "/tools", "/openapi.json"]) {
    await checked.ask("GET", path, 200, none);
  }
  await checked.ask("POST", "/health", 200, none, "");
  const call = { name: "echo", arguments: { text: "a" } };
  const { content } = await checked.ask("POST", "/tools/call", 200, none, call);
  const id = JSON.parse(content[0].text).envelope_id;
  await checked.ask("POST", "/tools/call", 200, none, { name: "echo", arguments: {} });
  await checked.ask("POST", "/tools/call", 404, none, { name: "nobody" });
  await until("published", async () => (await harness.store.head(id))?.publishAfter === undefined);
  await checked.ask("GET", "/envelopes/", 400, none);
  await checked.ask("GET", "/envelopes/:id/active", 200, { id });
  await checked.ask("POST", "/envelopes", 201, none, {
    id: "c",
    parent_id: id,
    parent_actor_idx: 0,
    actors: ["prep"],
  });
  await checked.ask("POST", "/envelopes/:id/progress", 200, { id }, {
    status: "processing",
    message: "m",
    current_actor_idx: 0,
  });
  await checked.ask("POST", "/reports", 200, none, {
    reports: [{ id: "x", kind: "progress", status: "received" }, {}],
  });
  await checked.ask("POST", "/envelopes/:id/final", 200, { id }, {
    status: "failed",
    error: "x",
    error_details: {},
  });
  await checked.ask("POST", "/envelopes/:id/final", 409, { id }, { status: "failed" });
  await checked.ask("GET", "/envelopes/:id/active", 410, { id });
  await checked.ask("GET", "/envelopes/:id/stream", 200, { id });
  await checked.ask("GET", "/envelopes/:id", 200, { id });
  await checked.ask("GET", "/envelopes/:id", 200, { id: "c" });
  await checked.ask("GET", "/envelopes/:id", 404, { id: "nobody" });
  await checked.ask("DELETE", "/envelopes/:id", 200, { id: "c" });
  await checked.ask("DELETE", "/envelopes/:id", 409, { id });
  await checked.ask("POST", "/envelopes/:id/retry", 202, { id });
  await checked.ask("GET", "/envelopes", 200, { query: "?limit=1" });
  await checked.ask("GET", "/envelopes", 200, none);
  await checked.ask("GET", "/envelopes", 400, { query: "?limit=x" });
  await checked.ask("POST", "/hooks/:tool", 401, { tool: "hooked" }, "{}");
  // Those that need a header or a state of their own are checked where that is tested.
  const elsewhere = [
    "GET /envelopes/:id/stream 204",
    "GET /health/ready 503",
    "POST /envelopes/:id/retry 200",
    "POST /hooks/:tool 202",
  ];
  const promised = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.keys(responses).map((status) => `${method} ${path} ${status}`)
    )
  );
  assert.deepEqual(promised.filter((one) => !checked.seen.has(one)).sort(), elsewhere);
});

Deno.test("templatePath() writes parameters as OpenAPI does", () => {
  assert.equal(templatePath("/envelopes/:id/stream"), "/envelopes/{id}/stream");
});
