/** What a source behind a network falls back on while that is away. */

import type { Logger } from "@asya/telemetry";
import { type ModuleVersion, SourceError } from "./source.ts";

/** Falls back on the version last seen, and says so once for each outage. */
export class LastSeen {
  #away = false;

  constructor(private readonly log: Logger) {}

  /**
   * `read`, or `recall` where the place is away. Any other failure is the place's answer and
   * stands: what was withdrawn, or may not be read any more, is not used.
   *
   * @throws what `read` throws, when there is nothing to fall back on
   */
  async or(
    read: () => Promise<ModuleVersion>,
    recall: () => Promise<ModuleVersion | undefined>,
  ): Promise<ModuleVersion> {
    try {
      const version = await read();
      if (this.#away) this.log.info("the module's source is back", { from: version.from });
      this.#away = false;
      return version;
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== "unreachable") throw error;
      const version = await recall();
      if (version === undefined) throw error;
      const { from, digest } = version;
      const fields = { from, digest, error };
      if (!this.#away) {
        this.log.warn("the module's source is away; the version last seen is used", fields);
      }
      this.#away = true;
      return version;
    }
  }
}
