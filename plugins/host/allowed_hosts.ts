/**
 * Which hosts a guest may call over HTTP. A name is not enough: whoever owns the name chooses the
 * address behind it, so every address is checked too, at every call.
 */

import { isIP, isIPv4 } from "node:net";
import { PluginError } from "../plugin.ts";
import { addressKind } from "./addresses.ts";

/** Longest URL, in characters. */
const MAX_URL_LENGTH = 8_192;

/** `private:`, `*.`, a host or an IPv6 literal in brackets, `:port`. */
const ENTRY = /^(private:)?(\*\.)?(\[[0-9a-f:.]+\]|[^\s:/?#@\\%*[\]]+)(?::([0-9]{1,5}))?$/i;

const DEFAULT_PORTS = { http: 80, https: 443 };

/** One entry of the list. */
export interface AllowedHost {
  /** As {@linkcode HttpTarget.host}. */
  readonly host: string;
  /** Names below `host`, at any depth, and not `host` itself. */
  readonly below: boolean;
  /** Absent: the scheme's own. */
  readonly port: number | undefined;
  readonly private: boolean;
}

/** Where a URL of the list leads to. */
export interface HttpTarget {
  readonly secure: boolean;
  /** Lower case, IDNA; no brackets, no final dot. */
  readonly host: string;
  readonly port: number;
  /** With the query. */
  readonly path: string;
  /** As a `host` header says it, and as an entry of the list could. */
  readonly authority: string;
  /** Addresses that are not public are meant. */
  readonly private: boolean;
}

/** Entries of a list that cannot be used. */
export class InvalidAllowedHosts extends Error {
  /** Always `InvalidAllowedHosts`. */
  override readonly name = "InvalidAllowedHosts";
  /** Always `invalid_allowed_hosts`. */
  readonly code = "invalid_allowed_hosts";
  /** Makes one of at least one problem. */
  constructor(
    /** One sentence for each. */
    readonly problems: readonly string[],
  ) {
    super(`allowedHosts: ${problems.join("; ")}`);
  }
}

/** Host of a URL, or of the same text in the list, in the form in which they are compared. */
function normalHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

/** @returns the entry, or what is wrong with it */
function parseEntry(entry: string): AllowedHost | string {
  const shown = JSON.stringify(entry);
  const match = ENTRY.exec(entry);
  if (!match) {
    return `${shown} is none of host, host:port, *.domain, an IPv4 address or an IPv6 address in ` +
      `brackets, each also behind "private:"`;
  }
  const [, prefix, star, written = "", digits] = match;
  const url = URL.parse(`http://${written}`);
  const host = url && normalHost(url.hostname);
  if (!host) return `${shown} has no valid host`;
  if (isIPv4(host) && host !== written) return `${shown} is unclear: did you mean ${host}?`;
  const port = digits === undefined ? undefined : Number(digits);
  if (port === 0 || port! > 65_535) return `${shown} has no valid port`;
  if (star && isIP(host)) return `${shown}: there is nothing below an address`;
  if (!prefix && isIP(host) && addressKind(host) !== "public") {
    return `${shown} is not a public address: if it is meant, write "private:${entry}"`;
  }
  return { host, below: star !== undefined, port, private: prefix !== undefined };
}

/**
 * Reads a list. Each entry is `host`, `host:port`, `*.domain` or `*.domain:port`; a host may be an
 * IPv4 address or an IPv6 address in brackets. Without a port: 443 for https and 80 for http. With
 * `private:` before it, its addresses need not be public; metadata services of clouds need their
 * address in the list all the same.
 *
 * @throws InvalidAllowedHosts naming every bad entry
 */
export function parseAllowedHosts(list: readonly string[]): AllowedHosts {
  const entries = list.map(parseEntry);
  const problems = entries.filter((entry) => typeof entry === "string");
  if (problems.length > 0) throw new InvalidAllowedHosts(problems);
  return new AllowedHosts(entries.filter((entry) => typeof entry !== "string"));
}

function parseUrl(text: string): URL {
  if (text.length > MAX_URL_LENGTH) {
    throw new PluginError("host_limit", `a URL may have ${MAX_URL_LENGTH} characters`);
  }
  // the parser drops line breaks silently: what it then means is not what was written
  const url = /[\0- \x7f]/.test(text) ? null : URL.parse(text);
  if (!url) throw new PluginError("guest_error", "the URL is not valid", { type: "HttpError" });
  return url;
}

/** A list as {@linkcode parseAllowedHosts} reads it. */
export class AllowedHosts {
  readonly #entries: readonly AllowedHost[];

  /** @param entries from {@linkcode parseAllowedHosts} */
  constructor(entries: readonly AllowedHost[]) {
    this.#entries = entries;
  }

  #matches(scheme: "http" | "https", host: string, port: number): AllowedHost[] {
    return this.#entries.filter((entry) =>
      (entry.below ? !isIP(host) && host.endsWith(`.${entry.host}`) : host === entry.host) &&
      port === (entry.port ?? DEFAULT_PORTS[scheme])
    );
  }

  /**
   * Where a URL leads to, if the list allows its host and port. Its addresses are yet to be
   * checked.
   *
   * @throws PluginError `denied`; `guest_error`: not a URL; `host_limit`: too long
   */
  target(text: string): HttpTarget {
    const url = parseUrl(text);
    const scheme = url.protocol.slice(0, -1);
    if (scheme !== "http" && scheme !== "https") {
      throw new PluginError("denied", `only http and https URLs are allowed, not ${scheme}`);
    }
    if (url.username || url.password) {
      throw new PluginError("denied", "a URL with credentials is not allowed: send a header");
    }
    const host = normalHost(url.hostname);
    const port = Number(url.port) || DEFAULT_PORTS[scheme];
    const name = isIP(host) === 6 ? `[${host}]` : host;
    const authority = port === DEFAULT_PORTS[scheme] ? name : `${name}:${port}`;
    const matches = this.#matches(scheme, host, port);
    if (matches.length === 0) {
      throw new PluginError(
        "denied",
        `${scheme} to ${authority} is not allowed: add ${
          JSON.stringify(authority)
        } to the actor's allowedHosts`,
      );
    }
    return {
      secure: scheme === "https",
      host,
      port,
      path: url.pathname + url.search,
      authority,
      private: matches.some((entry) => entry.private),
    };
  }

  /**
   * Whether one of the target's addresses may be connected to.
   *
   * @throws PluginError `denied`
   */
  checkAddress(target: HttpTarget, address: string): void {
    const kind = addressKind(address);
    if (kind === "public" || kind === "private" && target.private) return;
    const scheme = target.secure ? "https" : "http";
    const host = normalHost(URL.parse(`http://[${address}]`)?.hostname ?? address);
    const listed = this.#matches(scheme, host, target.port).some((entry) => entry.private);
    if (kind === "metadata" && target.private && listed) return;
    const where = target.host === address ? address : `${target.host} (${address})`;
    const reason = kind === "metadata"
      ? `is a metadata service: list its address itself behind "private:" in the actor's ` +
        `allowedHosts, if it is meant`
      : `is not a public address: write "private:${target.authority}" in the actor's ` +
        `allowedHosts, if it is meant`;
    throw new PluginError("denied", `${where} ${reason}`);
  }
}
