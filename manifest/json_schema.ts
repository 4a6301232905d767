/** The schema of an AsyncActor for readers of other languages. */

import { z } from "zod";
import { asyncActorSchema } from "./actor.ts";

/** What is used of OpenAPI 3.0's Schema Object. */
export interface ActorJsonSchema {
  /** `object`, `array`, `string`, `integer`, `number` or `boolean`; none: anything. */
  readonly type?: string;
  /** For people. */
  readonly description?: string;
  /** Taken where the field is absent. */
  readonly default?: unknown;
  /** The values that are allowed. */
  readonly enum?: readonly unknown[];
  /** The smallest number. */
  readonly minimum?: number;
  /** The largest number. */
  readonly maximum?: number;
  /** Most characters. */
  readonly maxLength?: number;
  /** Most items. */
  readonly maxItems?: number;
  /** Fields by name. */
  readonly properties?: Readonly<Record<string, ActorJsonSchema>>;
  /** Other fields: none (false), any (empty), or of one sort. */
  readonly additionalProperties?: boolean | ActorJsonSchema;
  /** Of a list. */
  readonly items?: ActorJsonSchema;
  /** Fields that must be there. */
  readonly required?: readonly string[];
}

/** What people write, before defaults are filled in, without references to other schemas. */
export function actorJsonSchema(): ActorJsonSchema {
  const options = { io: "input", target: "openapi-3.0", unrepresentable: "any" } as const;
  return z.toJSONSchema(asyncActorSchema, options) as ActorJsonSchema;
}
