/** A module on a web server, by HTTPS. */

import { sha256 } from "../digest.ts";
import { checkDigest, readAll, unpack } from "./bytes.ts";
import type { ModuleCache } from "./cache.ts";
import { LastSeen } from "./last_seen.ts";
import { aborted, pause } from "../pause.ts";
import { within } from "./within.ts";
import {
  basicAuthorization,
  body,
  isSafe,
  refused,
  send,
  shown,
  type WebAnswer,
} from "./request.ts";
import type { RemoteOptions } from "./remote.ts";
import { type ModuleSource, type ModuleVersion, SourceError } from "./source.ts";

const HELP = {
  unauthorized: "the URL must be readable as it is, or hold a user and a password",
  notFound: "check the path",
};

/** A URL. */
export class WebSource implements ModuleSource {
  readonly mutable: boolean;
  readonly #url: URL;
  readonly #from: string;
  readonly #authorization: string | undefined;
  readonly #cache: ModuleCache | undefined;
  readonly #lastSeen: LastSeen;
  /** The server's name for the content that was read last. */
  #etag: string | undefined;

  /** @throws SourceError `bad_reference` */
  constructor(reference: string, private readonly options: RemoteOptions) {
    const url = URL.parse(reference);
    if (url === null) throw new SourceError("bad_reference", "the module's URL is not valid");
    this.#authorization = basic(url);
    url.username = url.password = url.hash = "";
    this.#url = url;
    this.#from = shown(url);
    if (!isSafe(url)) {
      const message = `${this.#from}: plain HTTP can be changed on its way; use https`;
      throw new SourceError("bad_reference", message);
    }
    this.mutable = options.pin === undefined;
    this.#cache = options.cache;
    this.#lastSeen = new LastSeen(options.log);
  }

  async read(signal: AbortSignal): Promise<ModuleVersion> {
    const { pin } = this.options;
    if (pin !== undefined) return await this.#kept(pin) ?? await this.#fetch(signal);
    return await this.#lastSeen.or(() => this.#fetch(signal), async () => {
      const digest = await this.#cache?.recall(this.#url.href);
      return digest === undefined ? undefined : await this.#kept(digest);
    });
  }

  async changed(signal: AbortSignal): Promise<boolean> {
    if (!this.mutable) return await aborted(signal);
    while (await pause(this.options.refreshMs, signal)) {
      if (await this.#mayHaveChanged(signal)) return !signal.aborted;
    }
    return false;
  }

  async #kept(digest: string): Promise<ModuleVersion | undefined> {
    const bytes = await this.#cache?.get(digest, "wasm", this.options.maxBytes);
    return bytes && { bytes, digest, from: this.#from };
  }

  async #fetch(signal: AbortSignal): Promise<ModuleVersion> {
    const { maxBytes, pin, timeoutMs } = this.options;
    return await within(timeoutMs, signal, this.#from, async (signal) => {
      const answer = await this.#ask(signal, {});
      if (!answer.response.ok) throw await refused(answer, this.#from, HELP);
      const file = await body(answer, signal, (it) => readAll(it, maxBytes, this.#from));
      const bytes = await unpack(file, maxBytes, this.#from);
      const digest = await sha256(bytes);
      checkDigest(digest, pin, this.#from);
      this.#etag = answer.response.headers.get("etag") ?? undefined;
      await this.#cache?.put(digest, "wasm", bytes);
      if (this.mutable) await this.#cache?.remember(this.#url.href, digest);
      return { bytes, digest, from: this.#from };
    });
  }

  /** Where the server does not name it, only reading it shows; a failure is left to that, too. */
  async #mayHaveChanged(signal: AbortSignal): Promise<boolean> {
    const etag = this.#etag;
    if (etag === undefined) return true;
    try {
      return await within(this.options.timeoutMs, signal, this.#from, async (signal) => {
        const { response } = await this.#ask(signal, { "if-none-match": etag });
        await response.body?.cancel();
        return response.status !== 304 && response.headers.get("etag") !== etag;
      });
    } catch (error) {
      this.options.log.debug("a module's URL cannot be asked for changes", { error });
      return true;
    }
  }

  #ask(signal: AbortSignal, headers: Readonly<Record<string, string>>): Promise<WebAnswer> {
    return send(this.#url, { headers, authorization: this.#authorization, signal });
  }
}

/** The header for the user and password in a URL. */
function basic({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  try {
    return basicAuthorization(decodeURIComponent(username), decodeURIComponent(password));
  } catch (cause) {
    if (!(cause instanceof URIError)) throw cause;
    const message = "the user or password in the module's URL has a % that is not written as %25";
    throw new SourceError("bad_reference", message, { cause });
  }
}
