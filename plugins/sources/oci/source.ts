/** A module in a registry. */

import { checkDigest, checkWasm } from "../bytes.ts";
import { LastSeen } from "../last_seen.ts";
import { aborted, pause } from "../../pause.ts";
import { within } from "../within.ts";
import type { RemoteOptions } from "../remote.ts";
import { isLoopback } from "../request.ts";
import { type ModuleSource, type ModuleVersion, SourceError } from "../source.ts";
import { choose, type Descriptor } from "./manifest.ts";
import { type OciReference, parseOciReference } from "./reference.ts";
import { type ManifestDocument, type RegistryAccess, Repository } from "./registry.ts";

/** Largest cached manifest, in bytes. */
const MANIFEST_BYTES = 4 * 2 ** 20;

/** An artifact by its tag or digest. */
export class OciSource implements ModuleSource {
  readonly mutable: boolean;
  readonly #reference: OciReference;
  readonly #repository: Repository;
  readonly #options: RemoteOptions;
  readonly #lastSeen: LastSeen;
  /** What the tag stood for at the last read: digest of a manifest or index. */
  #seen: string | undefined;

  /** @throws SourceError `bad_reference` */
  constructor(reference: string, options: RemoteOptions & RegistryAccess) {
    this.#reference = parseOciReference(reference);
    const { registry, digest } = this.#reference;
    const url = URL.parse(`http://${registry}`);
    if (options.plainHttp && url !== null && !isLoopback(url)) {
      const message = `${reference}: plain HTTP is for registries on this machine only`;
      throw new SourceError("bad_reference", message);
    }
    this.#repository = new Repository(this.#reference, options);
    this.#options = options;
    this.#lastSeen = new LastSeen(options.log);
    this.mutable = digest === undefined && options.pin === undefined;
  }

  async read(signal: AbortSignal): Promise<ModuleVersion> {
    const { cache, maxBytes, pin, timeoutMs } = this.#options;
    const { name } = this.#repository;
    const kept = pin === undefined ? undefined : await cache?.get(pin, "wasm", maxBytes);
    if (kept && pin) return { bytes: kept, digest: pin, from: name };
    return await this.#lastSeen.or(
      () => within(timeoutMs, signal, name, (signal) => this.#fetch(signal)),
      () => within(timeoutMs, signal, name, (signal) => this.#recall(signal)),
    );
  }

  async changed(signal: AbortSignal): Promise<boolean> {
    if (!this.mutable) return await aborted(signal);
    while (await pause(this.#options.refreshMs, signal)) {
      if (await this.#mayHaveChanged(signal)) return !signal.aborted;
    }
    return false;
  }

  async #fetch(signal: AbortSignal): Promise<ModuleVersion> {
    const { digest, tag } = this.#reference;
    if (digest !== undefined) return await this.#load(await this.#manifest(digest, signal), signal);
    const document = await this.#repository.manifest(tag!, signal);
    await this.#keep(document);
    const version = await this.#load(document, signal);
    this.#seen = document.digest;
    await this.#options.cache?.remember(this.#key, document.digest);
    return version;
  }

  /** What the tag stood for last, so far as it is kept. */
  async #recall(signal: AbortSignal): Promise<ModuleVersion | undefined> {
    const digest = this.mutable ? await this.#options.cache?.recall(this.#key) : undefined;
    const bytes = digest && await this.#options.cache?.get(digest, "json", MANIFEST_BYTES);
    return bytes && digest ? await this.#load({ bytes, digest }, signal) : undefined;
  }

  get #key(): string {
    return `oci://${this.#repository.name}:${this.#reference.tag}`;
  }

  async #load(document: ManifestDocument, signal: AbortSignal): Promise<ModuleVersion> {
    const from = `${this.#repository.name}@sha256:${document.digest}`;
    let choice = choose(document.bytes, from);
    if (choice.kind === "manifest") {
      const inner = await this.#manifest(choice.descriptor.digest, signal);
      choice = choose(inner.bytes, from);
    }
    if (choice.kind === "manifest") {
      throw new SourceError("not_wasm", `${from}: an index in an index is not looked into`);
    }
    const bytes = await this.#module(choice.descriptor, signal);
    const { digest } = choice.descriptor;
    checkDigest(digest, this.#options.pin, from);
    checkWasm(bytes, from);
    return { bytes, digest, from };
  }

  /** By digest, so from the cache where it is there. */
  async #manifest(digest: string, signal: AbortSignal): Promise<ManifestDocument> {
    const bytes = await this.#options.cache?.get(digest, "json", MANIFEST_BYTES);
    if (bytes) return { bytes, digest };
    const document = await this.#repository.manifest(`sha256:${digest}`, signal);
    await this.#keep(document);
    return document;
  }

  async #keep({ bytes, digest }: ManifestDocument): Promise<void> {
    await this.#options.cache?.put(digest, "json", bytes);
  }

  async #module(wanted: Descriptor, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const { cache, maxBytes } = this.#options;
    const kept = await cache?.get(wanted.digest, "wasm", maxBytes);
    if (kept) return kept;
    const bytes = await this.#repository.blob(wanted, maxBytes, signal);
    await cache?.put(wanted.digest, "wasm", bytes);
    return bytes;
  }

  /** Where the registry does not say, only reading it shows; a failure is left to that, too. */
  async #mayHaveChanged(signal: AbortSignal): Promise<boolean> {
    const { log, timeoutMs } = this.#options;
    const { name } = this.#repository;
    const { tag } = this.#reference;
    try {
      const digest = await within(
        timeoutMs,
        signal,
        name,
        (signal) => this.#repository.resolve(tag!, signal),
      );
      return digest === undefined || digest !== this.#seen;
    } catch (error) {
      log.debug("a registry cannot be asked for changes", { from: name, error });
      return true;
    }
  }
}
