/** Parts of YAML documents as JSON values. */

import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from "yaml";
import { JsonNumber, type JsonValue, NUMBER } from "./json_value.ts";

/** More nodes than that are a mistake, or aliases that lead back to themselves. */
const MAX_NODES = 100_000;

function numberOf({ source = "", value }: Scalar): JsonValue {
  if (NUMBER.test(source)) return new JsonNumber(source);
  // Ways of writing numbers that JSON does not have: 0x1f, +1, .5; those that are none are null.
  return Number.isFinite(value) ? new JsonNumber(String(value)) : null;
}

/** The JSON value of a part of a YAML document. @throws RangeError where it is too large */
export function yamlValue(node: Node | null | undefined, document: Document): JsonValue {
  let left = MAX_NODES;
  const read = (node: unknown): JsonValue => {
    if (--left < 0) throw new RangeError(`more than ${MAX_NODES} values`);
    if (isAlias(node)) return read(node.resolve(document));
    if (isSeq(node)) return node.items.map(read);
    if (isMap(node)) {
      return Object.fromEntries(
        node.items.map(({ key, value }) => [String(isScalar(key) ? key.value : key), read(value)]),
      );
    }
    if (!isScalar(node)) return null;
    const { value } = node;
    if (typeof value === "number") return numberOf(node);
    return typeof value === "string" || typeof value === "boolean" ? value : null;
  };
  return read(node);
}
