/** What a private PostgreSQL is made of, wherever its processes run. */

/** How a server is set up. */
export interface PostgresSettings {
  readonly user: string;
  readonly password: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly conf?: readonly string[];
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A server that does not start, or was used in the wrong state. */
export class PostgresError extends Error {
  override readonly name = "PostgresError";
  /** Stable, for callers. */
  readonly code = "postgres_test_server";
}

/** The processes of one server. */
export interface PostgresNode {
  readonly pid: number | undefined;
  /** Starts it, the first time with new data; it may not be ready when this resolves. */
  start(): Promise<void>;
  /** Resolves when it has ended, with how and the end of its log. */
  ended(): Promise<string>;
  /** SIGINT ends in order, SIGQUIT at once, SIGKILL without being asked. */
  end(signal: "SIGKILL" | "SIGINT" | "SIGQUIT"): Promise<void>;
  /** Ends it and deletes what it left. */
  remove(): Promise<void>;
}

const ANSWER_MS = 2_000;
/** "R": it asks who we are, so it takes sessions. While it starts it answers with an error. */
const AUTHENTICATION = 0x52;

/** Whether a server on this port takes sessions. */
export async function greets(port: number, user: string): Promise<boolean> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
  const close = () => {
    try {
      connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error; // closed already
    }
  };
  const timer = setTimeout(close, ANSWER_MS);
  try {
    await connection.write(startup(user));
    const answer = new Uint8Array(1);
    return await connection.read(answer) === 1 && answer[0] === AUTHENTICATION;
  } catch (error) {
    if (error instanceof Error) return false; // cut off: it is going down or coming up
    throw error;
  } finally {
    clearTimeout(timer);
    close();
  }
}

/** The first message of a session, https://www.postgresql.org/docs/current/protocol.html */
function startup(user: string): Uint8Array {
  const text = new TextEncoder().encode(`user\0${user}\0database\0postgres\0\0`);
  const message = new Uint8Array(8 + text.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length);
  view.setUint32(4, 196_608); // protocol 3.0
  message.set(text, 8);
  return message;
}
