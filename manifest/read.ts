/** An AsyncActor as the API server has it, instead of as a file. */

import { type AsyncActor, asyncActorSchema } from "./actor.ts";
import { check } from "./check.ts";
import { crossFieldComplaints, pathText } from "./rules.ts";
import { withoutNulls } from "./without_nulls.ts";

/**
 * The actor with its defaults filled in, or every mistake as a sentence that says how to mend it.
 *
 * @example
 * ```ts
 * import { readActor } from "@asya/manifest";
 * const read = readActor({
 *   apiVersion: "asya.sh/v1alpha1",
 *   kind: "AsyncActor",
 *   metadata: { name: "greeter", uid: "1" },
 *   spec: { transport: "rabbitmq", handler: { python: { path: "greet.hello" } } },
 * });
 * if (!("actor" in read) || read.actor.spec.timeout.processing !== 300) throw new Error();
 * ```
 */
export function readActor(
  value: unknown,
): { readonly actor: AsyncActor } | { readonly problems: readonly string[] } {
  const raw = withoutNulls(value);
  const result = check(asyncActorSchema, raw);
  const complaints = [...result.complaints, ...crossFieldComplaints(raw)];
  if (result.value !== undefined && complaints.length === 0) return { actor: result.value };
  return {
    problems: complaints.map(({ path, message, fix }) => {
      // Rules speak of fields that everybody knows; a mistake of one field names it itself.
      const where = pathText(path);
      return message.includes(where) ? `${message} (${fix})` : `${where}: ${message} (${fix})`;
    }),
  };
}
