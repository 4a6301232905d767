/** Reads a hook's secret anew for each request, so that it can be replaced without a restart. */

import { readFile } from "node:fs/promises";
import { env } from "node:process";
import type { SecretSource } from "../tools/tool.ts";

/** A hook's secret cannot be read or is empty; the message says where it should be, not what. */
export class HookSecretMissing extends Error {
  /** The class's name. */
  override readonly name = "HookSecretMissing";
  /** Stable, for programs. */
  readonly code = "hook_secret_missing";
}

/**
 * The secret, without line breaks at its end.
 *
 * @throws HookSecretMissing
 */
export async function readSecret(source: SecretSource): Promise<string> {
  const where = "file" in source ? `file ${source.file}` : `variable ${source.env}`;
  let secret: string | undefined;
  try {
    secret = "file" in source ? await readFile(source.file, "utf8") : env[source.env];
  } catch (cause) {
    throw new HookSecretMissing(`the hook's secret cannot be read from ${where}`, { cause });
  }
  secret = secret?.replace(/[\r\n]+$/, "");
  if (secret) return secret;
  throw new HookSecretMissing(`the hook's secret in ${where} is empty or not there`);
}
