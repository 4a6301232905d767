/**
 * A plugin that follows its source: a changed module is loaded beside the one that runs, takes all
 * new calls, and the old one is closed after the last call that it has.
 */

import type { Logger } from "@asya/telemetry";
import { type Plugin, type PluginCall, PluginError } from "./plugin.ts";
import { type ModuleSource, type ModuleVersion, SourceError } from "./sources/source.ts";

/** How to follow a source. */
export interface ReloadingOptions {
  /** What is followed, unless it cannot change. */
  readonly source: ModuleSource;
  /** Loads a version; what it gives is closed here. */
  readonly load: (version: ModuleVersion) => Promise<Plugin>;
  /** Told of each version that takes over, and of each that cannot. */
  readonly log: Logger;
}

/** Why the newest version is not the one that runs. */
export interface ReloadFailure {
  /** The version that does not load; absent when it could not even be read. */
  readonly digest?: string;
  /** What reading or loading threw. */
  readonly error: unknown;
}

/** A loaded version and the calls that it has. */
class Generation {
  #calls = 0;
  #idle: (() => void) | undefined;

  /** `digest`: of the version that was loaded. */
  constructor(readonly plugin: Plugin, readonly digest: string) {}

  async call(call: PluginCall): Promise<Uint8Array> {
    this.#calls++;
    try {
      return await this.plugin.call(call);
    } finally {
      if (--this.#calls === 0) this.#idle?.();
    }
  }

  /** Closes it after its last call; it must get no new ones. */
  async retire(): Promise<void> {
    // A plugin's own close refuses calls that still wait for a worker.
    if (this.#calls > 0) await new Promise<void>((resolve) => this.#idle = resolve);
    await this.plugin.close();
  }
}

/** A {@linkcode Plugin} whose module may change while it runs. */
export class ReloadingPlugin implements Plugin {
  readonly #options: ReloadingOptions;
  readonly #stop: AbortController;
  readonly #watching: Promise<void>;
  #current: Generation;
  #failure: ReloadFailure | undefined;
  /** The version that did not load: it is not tried again. */
  #refused: ReloadFailure | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: ReloadingOptions, first: Generation, stop: AbortController) {
    this.#options = options;
    this.#current = first;
    this.#stop = stop;
    this.#watching = options.source.mutable ? this.#watch() : Promise.resolve();
  }

  /**
   * Reads and loads the module, then follows its source until `close`.
   *
   * @throws SourceError; what `load` throws
   */
  static async start(options: ReloadingOptions): Promise<ReloadingPlugin> {
    const stop = new AbortController();
    const version = await options.source.read(stop.signal);
    const { digest } = version;
    return new ReloadingPlugin(options, new Generation(await options.load(version), digest), stop);
  }

  get concurrency(): number {
    return this.#current.plugin.concurrency;
  }

  get hash(): string {
    return this.#current.plugin.hash;
  }

  get trouble(): string | undefined {
    return this.#current.plugin.trouble;
  }

  /** Why the newest version is not the one that runs; absent when it is. */
  get lastFailure(): ReloadFailure | undefined {
    return this.#failure;
  }

  async ready(signal: AbortSignal): Promise<void> {
    // Each turn but the last is one version that was swapped meanwhile.
    for (;;) {
      const asked = this.#current;
      try {
        return await asked.plugin.ready(signal);
      } catch (error) {
        if (signal.aborted || asked === this.#current) throw error;
      }
    }
  }

  async call(call: PluginCall): Promise<Uint8Array> {
    if (this.#closing) throw new PluginError("closed", "the plugin is closed");
    return await this.#current.call(call);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#current.plugin.close(), this.#watching]);
  }

  async #watch(): Promise<void> {
    const { source, log } = this.#options;
    const { signal } = this.#stop;
    try {
      while (await source.changed(signal)) await this.#refresh(signal);
    } catch (error) {
      log.error("the module's source is not followed any more", { error });
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    let version: ModuleVersion;
    try {
      version = await this.#options.source.read(signal);
    } catch (error) {
      if (!signal.aborted) this.#unreadable(error);
      return;
    }
    const { digest, from } = version;
    if (digest === this.#refused?.digest) {
      this.#failure = this.#refused;
      return;
    }
    if (digest === this.#current.digest) {
      this.#failure = this.#refused = undefined;
      return;
    }
    const { log } = this.#options;
    let next: Generation;
    try {
      next = new Generation(await this.#options.load(version), digest);
    } catch (error) {
      this.#failure = this.#refused = { digest, error };
      const running = this.#current.digest;
      log.error("a changed module cannot be loaded; the one before it stays", {
        digest,
        from,
        running,
        error,
      });
      return;
    }
    if (signal.aborted) return await this.#retire(next);
    const before = this.#current;
    this.#current = next;
    this.#failure = this.#refused = undefined;
    log.info("a changed module takes over", { digest, from, before: before.digest });
    // Waited for, so that never more than two are loaded.
    await this.#retire(before);
  }

  async #retire(generation: Generation): Promise<void> {
    try {
      await generation.retire();
    } catch (error) {
      const { digest } = generation;
      this.#options.log.error("a module that was replaced cannot be closed", { digest, error });
    }
  }

  /** Says the same only once. */
  #unreadable(error: unknown): void {
    const before = this.#failure?.error;
    this.#failure = { error };
    if (isSame(error, before)) return;
    const running = this.#current.digest;
    this.#options.log.error("the module cannot be read anew; the one that runs stays", {
      running,
      error,
    });
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return one instanceof SourceError && other instanceof SourceError && one.code === other.code &&
    one.message === other.message;
}
