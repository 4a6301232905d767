/**
 * A JSON schema as a structural schema of Kubernetes (OpenAPI v3 without references, where an object
 * has either named fields or free ones).
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */

import type { ActorJsonSchema } from "@asya/manifest";

/** What we use of Kubernetes' JSONSchemaProps. */
export interface StructuralSchema {
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  maxProperties?: number;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  required?: string[];
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-validations"?: { rule: string; message: string }[];
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-list-map-keys"?: string[];
}

/** zod writes JavaScript's own limits of whole numbers into a schema; they say nothing. */
const LIMIT = Number.MAX_SAFE_INTEGER;

/** The same schema: named fields or free ones, and no limit that is none. */
export function structuralSchema(from: ActorJsonSchema): StructuralSchema {
  const { properties, additionalProperties, items, minimum, maximum, ...rest } = from;
  const to = structuredClone(rest) as StructuralSchema;
  if (minimum !== undefined && minimum > -LIMIT) to.minimum = minimum;
  if (maximum !== undefined && maximum < LIMIT) to.maximum = maximum;
  if (to.type === "integer") to.format = "int32";
  if (items !== undefined) to.items = structuralSchema(items);
  const fields = Object.entries(properties ?? {});
  if (fields.length > 0) {
    to.properties = Object.fromEntries(
      fields.map(([name, field]) => [name, structuralSchema(field)]),
    );
  }
  if (typeof additionalProperties === "object") {
    const free = Object.keys(additionalProperties).length === 0;
    if (free) to["x-kubernetes-preserve-unknown-fields"] = true;
    else to.additionalProperties = structuralSchema(additionalProperties);
  }
  return to;
}
