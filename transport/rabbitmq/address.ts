/** Where the broker is and how to be let in, from a URL or from parts. */

import { SettingsError } from "@asya/config";
import type { TransportSettings } from "../settings.ts";

/** Seconds between signs of life: a dead connection is noticed after twice as long. */
const HEARTBEAT_SECONDS = 5;

/** What the settings say about the broker. */
export type AddressSettings = Pick<
  TransportSettings,
  | "rabbitmqUrl"
  | "rabbitmqHost"
  | "rabbitmqPort"
  | "rabbitmqUsername"
  | "rabbitmqPassword"
  | "rabbitmqVhost"
  | "rabbitmqTlsCa"
  | "rabbitmqTlsCert"
  | "rabbitmqTlsKey"
>;

/** Everything that a connection needs. Never logged as a whole: `shown` is for people. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  /** Seconds. */
  readonly heartbeat: number;
  /** PEM texts; absent: no TLS. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Broker and virtual host, without credentials. */
  readonly shown: string;
}

/**
 * Reads the certificates, so that a wrong path shows at the start.
 *
 * @throws SettingsError naming every variable that is wrong
 */
export function readAddress(settings: AddressSettings): Address {
  const problems: string[] = [];
  const { rabbitmqTlsCa, rabbitmqTlsCert, rabbitmqTlsKey, rabbitmqUrl } = settings;
  if ((rabbitmqTlsCert === undefined) !== (rabbitmqTlsKey === undefined)) {
    problems.push("ASYA_RABBITMQ_TLS_CERT and ASYA_RABBITMQ_TLS_KEY need each other");
  }
  const files = {
    ...pem("ca", "ASYA_RABBITMQ_TLS_CA", rabbitmqTlsCa, problems),
    ...pem("cert", "ASYA_RABBITMQ_TLS_CERT", rabbitmqTlsCert, problems),
    ...pem("key", "ASYA_RABBITMQ_TLS_KEY", rabbitmqTlsKey, problems),
  };
  const hasFiles = Object.keys(files).length > 0;
  const found = rabbitmqUrl === undefined
    ? fromParts(settings, hasFiles, problems)
    : fromUrl(rabbitmqUrl, hasFiles, problems);
  if (problems.length > 0 || found === undefined) throw new SettingsError(problems);
  const { secure, ...address } = found;
  const shown = `${secure ? "amqps" : "amqp"}://${address.hostname}:${address.port}/${
    encodeURIComponent(address.vhost)
  }`;
  return { ...address, shown, ...secure ? { tls: files } : {} };
}

function pem(name: string, variable: string, path: string | undefined, problems: string[]) {
  if (path === undefined) return {};
  try {
    return { [name]: Deno.readTextFileSync(path) };
  } catch (error) {
    problems.push(`${variable}=${JSON.stringify(path)} cannot be read: ${messageOf(error)}`);
    return {};
  }
}

type Parts = Omit<Address, "tls" | "shown"> & { readonly secure: boolean };

function fromParts(
  settings: AddressSettings,
  secure: boolean,
  problems: string[],
): Parts | undefined {
  const { rabbitmqHost: hostname, rabbitmqPort, rabbitmqUsername, rabbitmqPassword } = settings;
  if (hostname === undefined) {
    problems.push(
      "neither ASYA_RABBITMQ_URL nor ASYA_RABBITMQ_HOST is set: say where RabbitMQ is",
    );
    return undefined;
  }
  return {
    secure,
    hostname,
    port: rabbitmqPort ?? defaultPort(secure),
    username: rabbitmqUsername,
    password: rabbitmqPassword ?? "guest",
    vhost: settings.rabbitmqVhost,
    heartbeat: HEARTBEAT_SECONDS,
  };
}

/** Nothing of the URL is repeated in a problem: it holds the password. */
function fromUrl(text: string, hasFiles: boolean, problems: string[]): Parts | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^amqps?:$/.test(url.protocol) || url.hostname === "") {
    problems.push(
      "ASYA_RABBITMQ_URL is no amqp://user:password@host:port/vhost or amqps:// URL; " +
        "characters such as / @ : # ? % in its parts must be percent-encoded",
    );
    return undefined;
  }
  const secure = url.protocol === "amqps:";
  if (hasFiles && !secure) {
    problems.push("ASYA_RABBITMQ_TLS_* is set, but ASYA_RABBITMQ_URL begins with amqp://");
  }
  try {
    const vhost = decodeURIComponent(url.pathname.slice(1));
    return {
      secure,
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? defaultPort(secure) : Number(url.port),
      username: decodeURIComponent(url.username) || "guest",
      password: decodeURIComponent(url.password) || "guest",
      vhost: vhost || "/",
      heartbeat: heartbeatOf(url.searchParams.get("heartbeat"), problems),
    };
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    problems.push("ASYA_RABBITMQ_URL has a % that is not followed by two hexadecimal digits");
    return undefined;
  }
}

function heartbeatOf(text: string | null, problems: string[]): number {
  if (text === null) return HEARTBEAT_SECONDS;
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  problems.push("ASYA_RABBITMQ_URL: heartbeat is to be a number of seconds, 1 to 9999");
  return HEARTBEAT_SECONDS;
}

function defaultPort(secure: boolean): number {
  return secure ? 5671 : 5672;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
