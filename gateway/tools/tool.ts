/** Tools: what a gateway offers to the outside world, each with a route of actors behind it. */

import type { JsonText } from "@asya/envelope";

/** The types a parameter can have. */
export const PARAMETER_TYPES = [
  "string",
  "number",
  "integer",
  "boolean",
  "array",
  "object",
] as const;

/** One of {@linkcode PARAMETER_TYPES}. */
export type ParameterType = typeof PARAMETER_TYPES[number];

/** A named argument of a tool, an element of an array, or a member of an object. */
export interface Parameter {
  /** What its value must be. */
  readonly type: ParameterType;
  /** Shown to callers. */
  readonly description?: string;
  /** Whether a call without it is refused; not where there is a default. */
  readonly required: boolean;
  /** Filled in where the argument is absent. */
  readonly default?: unknown;
  /** The only values that are allowed. */
  readonly options?: readonly unknown[];
  /** Of an array: what its elements are; anything when absent. */
  readonly items?: Parameter;
  /** Of an object: its members; anything when absent. */
  readonly properties?: Parameters;
}

/** Parameters by name. */
export type Parameters = ReadonlyMap<string, Parameter>;

/** Where a secret is read from. */
export type SecretSource = { readonly file: string } | { readonly env: string };

/** That a tool is called by signed requests of another system, too. */
export interface Hook {
  /** The key that both sides know. */
  readonly secret: SecretSource;
  /** The header with the body's HMAC-SHA256, as `sha256=` and hex, hex alone, or base64. */
  readonly header: string;
}

/** Something that can be called. */
export interface Tool {
  /** What callers call it. */
  readonly name: string;
  /** Shown to callers; the name where the file has none, as MCP clients expect one. */
  readonly description: string;
  /** Its arguments. */
  readonly parameters: Parameters;
  /** Actor names in order, one at least. */
  readonly route: readonly string[];
  /** Whether callers are offered a stream of progress. */
  readonly progress: boolean;
  /** Seconds until the call fails; 0 = never. */
  readonly timeout: number;
  /** Shown to callers; a JSON object. */
  readonly metadata?: JsonText;
  /** Shown to callers: arguments that are right. */
  readonly examples?: readonly unknown[];
  /** Present where it has a hook. */
  readonly hook?: Hook;
}

/** Tools by name, in the order of the file. */
export type ToolSet = ReadonlyMap<string, Tool>;
