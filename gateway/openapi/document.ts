/** The OpenAPI 3.1 document, https://spec.openapis.org/oas/v3.1.1.html, made from the operations. */

import { z } from "zod";
import { type Content, type Operation, OPERATIONS, type Operations } from "./operations.ts";
import { problem } from "./schemas.ts";

type Json = Record<string, unknown>;

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
}

/** `/envelopes/:id` as `/envelopes/{id}`. */
export function templatePath(path: string): string {
  return path.replaceAll(/:([a-z]+)/g, "{$1}");
}

function parameters(path: string, { query, headers = {} }: Operation): Json[] {
  const names = Array.from(path.matchAll(/:([a-z]+)/g), ([, name]) => name!);
  const inPath = names.map((name) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", minLength: 1 },
  }));
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = jsonSchema(schema);
    return { name, in: "query", description, schema: rest };
  });
  const inHeader = Object.entries(headers).map(([name, description]) => ({
    name,
    in: "header",
    description,
    schema: { type: "string" },
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

function response(content: Content): Json {
  if (content === null) return { description: "nothing" };
  if (typeof content === "string") return { description: "done", content: { [content]: {} } };
  return { description: "done", content: { "application/json": { schema: jsonSchema(content) } } };
}

const PROBLEM = { $ref: "#/components/responses/Problem" };

function operation(path: string, o: Operation): Json {
  const responses = Object.entries(o.responses).map(([status, content]) =>
    [status, response(content)] as const
  );
  const found = parameters(path, o);
  const body = o.body === undefined ? undefined : {
    required: true,
    content: o.body === "bytes"
      ? { "*/*": {} }
      : { "application/json": { schema: jsonSchema(o.body) } },
  };
  return {
    summary: o.summary,
    ...found.length === 0 ? {} : { parameters: found },
    ...body === undefined ? {} : { requestBody: body },
    responses: { ...Object.fromEntries(responses), "4XX": PROBLEM, "5XX": PROBLEM },
    ...o.mesh ? { security: [{ mesh: [] }] } : {},
  };
}

/** The document of an API. */
export function openapiDocument(operations: Operations = OPERATIONS): Json {
  const paths = Object.entries(operations).map(([path, methods]) => {
    const entries = Object.entries(methods).map(([method, one]) =>
      [method.toLowerCase(), operation(path, one)] as const
    );
    return [templatePath(path), Object.fromEntries(entries)] as const;
  });
  return {
    openapi: "3.1.1",
    info: { title: "Asya gateway", version: "1.0.0" },
    paths: Object.fromEntries(paths),
    components: {
      responses: {
        Problem: {
          description: "problem details, RFC 9457",
          content: { "application/problem+json": { schema: jsonSchema(problem) } },
        },
      },
      securitySchemes: {
        mesh: { type: "http", scheme: "bearer", description: "the token of sidecars and crew" },
      },
    },
  };
}
