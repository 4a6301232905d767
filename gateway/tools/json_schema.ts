/** Parameters as JSON Schema (2020-12), saying exactly what `checkArguments` enforces. */

import type { Parameter, Parameters } from "./tool.ts";

/** A JSON Schema of an object. */
export interface ObjectSchema {
  readonly [keyword: string]: unknown;
  readonly type: "object";
}

function parameterSchema(p: Parameter): Record<string, unknown> {
  return {
    type: p.type,
    ...p.description === undefined ? {} : { description: p.description },
    ...p.options === undefined ? {} : { enum: p.options },
    ...p.default === undefined ? {} : { default: p.default },
    ...p.items === undefined ? {} : { items: parameterSchema(p.items) },
    ...p.properties === undefined ? {} : parametersSchema(p.properties),
  };
}

/** The schema of a tool's arguments. */
export function parametersSchema(parameters: Parameters): ObjectSchema {
  const entries = [...parameters];
  const required = entries.filter(([, p]) => p.required && p.default === undefined);
  return {
    type: "object",
    properties: Object.fromEntries(entries.map(([name, p]) => [name, parameterSchema(p)])),
    ...required.length === 0 ? {} : { required: required.map(([name]) => name) },
    additionalProperties: false,
  };
}
