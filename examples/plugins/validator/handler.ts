/** Lets payloads pass that a JSON schema, the setting `schema`, allows. */

import type { Context } from "asya/typescript";
import { Errors } from "typebox/schema";

/** A payload is wrong; no retry would help it. */
class ValidationError extends Error {
  override readonly name = "ValidationError";
}

/** Read at the first call: settings stay the same while the plugin runs. */
let schema: object | boolean | undefined;

export default function handle(payload: unknown, { config }: Context): unknown {
  schema ??= JSON.parse(config["schema"] ?? "true") as object | boolean;
  const [valid, problems] = Errors(schema, payload);
  if (valid) return payload;
  const lines = problems.map(({ instancePath, message }) => `${instancePath || "/"} ${message}`);
  throw new ValidationError(lines.join("; "));
}
