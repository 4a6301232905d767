/**
 * Where a PostgreSQL is, read from a URL as libpq writes it. Nothing else is read: no `PG*`
 * variable and no file of the user's. https://www.postgresql.org/docs/current/libpq-connect.html
 */

/** What of TLS is asked for; the words are libpq's. */
export const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

/** A server, a database and who we are there. */
export interface DatabaseAddress {
  /** Name or address; a folder with the server's socket begins with `/`. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `prefer` takes what the server offers; only the `verify-` modes know who it is. */
  readonly sslMode: typeof SSL_MODES[number];
  /** File with the authorities' certificates; absent: those of the system. */
  readonly sslRootCert?: string;
  /** Files that the server knows us by. */
  readonly sslCert?: string;
  readonly sslKey?: string;
  /** What the server's list of sessions shows. */
  readonly applicationName: string;
}

const DEFAULT_PORT = 5432;
const DEFAULT_NAME = "asya-gateway";
const PARAMETERS =
  "host, sslmode, sslrootcert, sslcert, sslkey, application_name, each at most once";

const KNOWN = PARAMETERS.slice(0, PARAMETERS.indexOf(", each")).split(", ");

function parseUrl(text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(text.replace(/@(?=[/?]|$)/, "@localhost")); // no host is no URL
  } catch { // its message has the password in it
    url = undefined;
  }
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol) || url.pathname.includes("@")) {
    throw new Error(
      "expected postgres://user:password@host:5432/database, with the special characters of " +
        "name and password percent-encoded (@ is %40, / is %2F, # is %23, ? is %3F)",
    );
  }
  return url;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch { // its message may have the password in it
    throw new Error("a % in user, password, host or database is written %25");
  }
}

function parseSslMode(word: string): DatabaseAddress["sslMode"] {
  const mode = word === "allow" ? "prefer" : word; // both take either
  if ((SSL_MODES as readonly string[]).includes(mode)) return mode as DatabaseAddress["sslMode"];
  throw new Error(`sslmode is one of ${SSL_MODES.join(", ")}`);
}

/**
 * Reads `postgres://user:password@host:port/database?sslmode=...`. A folder with a Unix socket is
 * given as `?host=/folder` or, percent-encoded, as the host. Without a database it is the user's.
 *
 * @throws Error saying what is wrong, without the password
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const url = parseUrl(text.trim());
  const query = url.searchParams;
  const odd = [...query.keys()].find((name) => !KNOWN.includes(name) || query.getAll(name)[1]);
  if (odd !== undefined) throw new Error(`unknown parameter ${odd}; known: ${PARAMETERS}`);
  const host = query.get("host") ?? decode(url.hostname).replace(/^\[(.*)\]$/, "$1");
  const user = decode(url.username);
  const database = decode(url.pathname.slice(1)) || user;
  if (host.includes(",")) throw new Error("it names several hosts; give the one that takes writes");
  if (user === "") throw new Error("it names no user");
  const files = { sslRootCert: "sslrootcert", sslCert: "sslcert", sslKey: "sslkey" };
  const given = Object.entries(files).map(([key, name]) => [key, query.get(name)]);
  return {
    host,
    port: Number(url.port || DEFAULT_PORT),
    user,
    password: decode(url.password),
    database,
    sslMode: host.startsWith("/") ? "disable" : parseSslMode(query.get("sslmode") ?? "prefer"),
    ...Object.fromEntries(given.filter(([, path]) => path && path !== "system")),
    applicationName: query.get("application_name") || DEFAULT_NAME,
  };
}
