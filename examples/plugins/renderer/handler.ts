/** Fills the setting `template`, in Mustache, with the payload: `{{name}}` is escaped for HTML. */

// @ts-types="@types/mustache"
import mustache from "mustache";
import type { Context } from "asya/typescript";

/** The actor's settings are wrong. */
class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export default function handle(payload: unknown, { config }: Context): { html: string } {
  const template = config["template"];
  if (template === undefined) throw new ConfigError("the setting `template` is missing");
  return { html: mustache.render(template, payload) };
}
