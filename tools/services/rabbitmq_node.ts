/** One broker, however it is run. */

/** What the kinds of brokers have in common. */
export interface RabbitmqNode {
  /** The process that is the broker; undefined while it is down or where another system holds it. */
  readonly pid: number | undefined;
  /** Starts it, with what it had. Resolves as soon as the process runs. */
  start(): Promise<void>;
  /** Settles when the broker's process ends by itself, with the words it left. */
  ended(): Promise<string>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** An orderly shutdown. */
  stop(): Promise<void>;
  /** The value of Erlang expressions inside the broker, as text; the last one ends without a dot. */
  eval(expressions: string): Promise<string>;
  /** Ends everything and removes all files. */
  remove(): Promise<void>;
}

/** The broker did not start, stop or answer. */
export class RabbitmqError extends Error {
  /** Stable, for callers. */
  readonly code = "test_rabbitmq";
  override readonly name = "RabbitmqError";
}

const HEADER = new Uint8Array([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
const ANSWER_MS = 2_000;
const { ConnectionRefused, ConnectionReset, BrokenPipe, BadResource, Interrupted } = Deno.errors;
const REFUSALS = [ConnectionRefused, ConnectionReset, BrokenPipe, BadResource, Interrupted];

/** Whether a broker greets on that port of the loopback. */
export async function greets(port: number): Promise<boolean> {
  let connection: Deno.TcpConn | undefined;
  const timer = setTimeout(() => close(connection), ANSWER_MS);
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(HEADER);
    const frame = new Uint8Array(1);
    return await connection.read(frame) === 1 && frame[0] === 1; // a method: connection.start
  } catch (error) {
    if (REFUSALS.some((refusal) => error instanceof refusal)) return false;
    throw error;
  } finally {
    clearTimeout(timer);
    close(connection);
  }
}

function close(connection: Deno.TcpConn | undefined): void {
  try {
    connection?.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error; // closed before
  }
}
