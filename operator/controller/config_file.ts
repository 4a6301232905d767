/** The operator's configuration in its file, read again when that changes. */

import { parse } from "yaml";
import { z } from "zod";
import type { Logger } from "@asya/telemetry";
import { type OperatorConfig, operatorConfigSchema } from "../config.ts";

/** The file cannot be read, or is no configuration. */
export class ConfigFileError extends Error {
  /** The class's name. */
  override readonly name = "ConfigFileError";
  /** For programs. */
  readonly code = "invalid_config";
}

/** Reads a configuration, YAML or JSON. @throws ConfigFileError with all that is wrong */
export function parseConfig(text: string, path: string): OperatorConfig {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigFileError(`${path} is no YAML: ${why}`, { cause });
  }
  const read = operatorConfigSchema.safeParse(value);
  if (read.success) return read.data;
  throw new ConfigFileError(`${path} is no configuration:\n${z.prettifyError(read.error)}`);
}

/** A file that may change. */
export class ConfigFile {
  readonly #path: string;
  readonly #log: Logger;
  #text: string;
  #config: OperatorConfig;
  /** What was told last, so that it is told once. */
  #trouble: string | undefined;

  private constructor(path: string, text: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#text = text;
    this.#config = parseConfig(text, path);
  }

  /** Reads it for the first time. @throws ConfigFileError */
  static async open(path: string, log: Logger): Promise<ConfigFile> {
    return new ConfigFile(path, await read(path), log);
  }

  /** The last good one. */
  get config(): OperatorConfig {
    return this.#config;
  }

  /** Looks at the file; true: there is another configuration now. A bad one is told of, once. */
  async look(): Promise<boolean> {
    try {
      const text = await read(this.#path);
      this.#trouble = undefined;
      if (text === this.#text) return false;
      this.#text = text;
      this.#config = parseConfig(text, this.#path);
      this.#log.info("the configuration has changed", { path: this.#path });
      return true;
    } catch (error) {
      const trouble = error instanceof Error ? error.message : String(error);
      if (trouble === this.#trouble) return false;
      this.#trouble = trouble;
      this.#log.error("the new configuration is not used; the last good one stays", { error });
      return false;
    }
  }
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigFileError(`ASYA_OPERATOR_CONFIG: ${path} cannot be read: ${why}`, { cause });
  }
}
