/**
 * postgres.js as we use it: told everything, so that no `PG*` variable counts, and on sockets of
 * our own, so that one that is stuck can be let go.
 */

import net from "node:net";
import type tls from "node:tls";
import postgres from "postgres";
import type { DatabaseAddress } from "./address.ts";

/** Until a session is open, in seconds. */
const CONNECT_SECONDS = 5;
/** A silent peer is asked for a sign of life, in seconds. */
const KEEP_ALIVE_SECONDS = 30;

/** How a client differs from another of the same address. */
export interface ClientOptions {
  readonly connections: number;
  /** The server ends a statement after so many milliseconds; 0: never. */
  readonly statementMs: number;
  /** A notification of a channel that is listened to. */
  readonly onNotice?: (channel: string, payload: string) => void;
  /** A connection is gone. */
  readonly onClose?: () => void;
}

/** A postgres.js client that can be ended whatever its server does. */
export interface Client {
  readonly sql: postgres.Sql;
  /** Cuts off what runs and closes every socket. */
  end(): Promise<void>;
}

async function tlsOptions(address: DatabaseAddress) {
  const { sslMode, sslRootCert, sslCert, sslKey, host } = address;
  if (sslMode === "disable") return false;
  if (sslMode === "prefer") return "prefer";
  const read = (path: string | undefined) =>
    path === undefined ? undefined : Deno.readTextFile(path);
  const [ca, cert, key] = await Promise.all([sslRootCert, sslCert, sslKey].map(read));
  // As in libpq, an authority's certificate is there to be looked at.
  const verify = sslMode !== "require" || ca !== undefined;
  const options: tls.ConnectionOptions = {
    rejectUnauthorized: verify,
    ...net.isIP(host) === 0 ? { servername: host } : { host }, // what a certificate must name
    ...ca === undefined ? {} : { ca },
    ...cert === undefined ? {} : { cert },
    ...key === undefined ? {} : { key },
    ...sslMode === "verify-full" ? {} : { checkServerIdentity: () => undefined },
  };
  return options;
}

/** Makes a client; it connects when it has something to do. @throws where a file is not readable */
export async function createClient(
  address: DatabaseAddress,
  { connections, statementMs, onNotice, onClose }: ClientOptions,
): Promise<Client> {
  const { host, port, user, password, database } = address;
  const path = host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : undefined;
  const sockets = new Set<net.Socket>();
  const ssl = await tlsOptions(address);
  const sql = postgres({
    host,
    port,
    ...path === undefined ? {} : { path },
    user,
    password: () => password, // an empty one as a text would count as none
    database,
    ssl: ssl as postgres.Options<Record<never, never>>["ssl"] & object | false,
    max: connections,
    connect_timeout: CONNECT_SECONDS,
    keep_alive: KEEP_ALIVE_SECONDS,
    idle_timeout: 0,
    max_lifetime: null,
    max_pipeline: 100,
    backoff: () => 0, // a client is used until its first connection is lost
    prepare: true,
    debug: false,
    fetch_types: false,
    target_session_attrs: "read-write", // a server that was demoted is as good as away
    no_subscribe: true,
    sslnegotiation: null,
    publications: "",
    connection: {
      application_name: address.applicationName,
      statement_timeout: statementMs,
      TimeZone: "UTC",
    },
    onnotice: () => {},
    onnotify: onNotice,
    onclose: onClose,
    socket() {
      for (const old of sockets) if (old.destroyed) sockets.delete(old);
      const socket = new net.Socket();
      sockets.add(socket);
      socket.setNoDelay(true);
      if (path !== undefined) return socket.connect(path);
      return Object.assign(socket.connect(port, host), { host, port }); // for its messages
    },
  } as postgres.Options<Record<never, never>>);
  return {
    sql: sql as postgres.Sql,
    async end() {
      await sql.end({ timeout: 0 }); // with more it may wait in vain for a connection that is lost
      for (const socket of sockets) {
        socket.on("error", () => {}); // of a connection that nobody waits for any more
        socket.destroy();
      }
    },
  };
}
