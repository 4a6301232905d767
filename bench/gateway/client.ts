/**
 * A client of HTTP/1.1 that costs little, since it shares the cores with the server that it
 * measures: connections of its own, kept, one request at a time on each. For bodies of text with a
 * Content-Length, and for streams.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const READ_BYTES = 65_536;

/** An answer with its whole body. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends requests to one server. */
export class Client implements Disposable {
  readonly #hostname: string;
  readonly #port: number;
  readonly #idle: Connection[] = [];

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#hostname = hostname;
    this.#port = Number(port);
  }

  /** Sends one and reads its answer. */
  async send(method: string, path: string, body = ""): Promise<Answer> {
    const connection = this.#idle.pop() ?? await this.#connect();
    const answer = await connection.send(method, path, body);
    this.#idle.push(connection);
    return answer;
  }

  /** Opens a stream of events on a connection of its own. */
  async stream(path: string): Promise<Connection> {
    const connection = await this.#connect();
    await connection.ask("GET", path, "");
    return connection;
  }

  async #connect(): Promise<Connection> {
    const conn = await Deno.connect({ hostname: this.#hostname, port: this.#port });
    conn.setNoDelay(true);
    return new Connection(conn);
  }

  [Symbol.dispose](): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}

/** One connection. */
export class Connection {
  readonly #buffer = new Uint8Array(READ_BYTES);
  #text = "";

  constructor(private readonly conn: Deno.TcpConn) {}

  /** Writes a request. */
  async ask(method: string, path: string, body: string): Promise<void> {
    const { length } = encoder.encode(body);
    const type = length > 0 ? "content-type: application/json\r\n" : "";
    const head =
      `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${type}content-length: ${length}`;
    const bytes = encoder.encode(`${head}\r\n\r\n${body}`);
    for (let sent = 0; sent < bytes.length;) sent += await this.conn.write(bytes.subarray(sent));
  }

  /** Writes a request and reads its answer. */
  async send(method: string, path: string, body: string): Promise<Answer> {
    await this.ask(method, path, body);
    const head = await this.until("\r\n\r\n");
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? NaN);
    if (Number.isNaN(length)) throw new Error(`an answer without a length: ${head}`);
    while (this.#text.length < length) await this.#read(); // text of one byte a character
    const text = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return { status: Number(head.slice(9, 12)), text };
  }

  /** What comes up to the end of a piece of text; what follows is kept. */
  async until(piece: string): Promise<string> {
    let at = this.#text.indexOf(piece);
    while (at < 0) {
      await this.#read();
      at = this.#text.indexOf(piece);
    }
    const text = this.#text.slice(0, at + piece.length);
    this.#text = this.#text.slice(at + piece.length);
    return text;
  }

  /** Leaves. */
  close(): void {
    this.conn.close();
  }

  async #read(): Promise<void> {
    const count = await this.conn.read(this.#buffer);
    if (count === null) throw new Error(`the connection ended after ${this.#text.slice(-200)}`);
    this.#text += decoder.decode(this.#buffer.subarray(0, count));
  }
}
