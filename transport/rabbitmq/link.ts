/**
 * One connection that is always being kept: opened again, with growing pauses, whenever it is lost
 * or cannot be had. What lives on it (channels) asks for the present one.
 */

import { nextTick } from "node:process";
import type { Writable } from "node:stream";
import { type ChannelModel, connect } from "amqplib";
import type { Logger } from "@asya/telemetry";
import { Backoff } from "../backoff.ts";
import { TransportUnavailable } from "../queue.ts";
import type { Address } from "./address.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** For TCP, TLS and the handshake together. */
const CONNECT_MS = 10_000;
const CLOSE_MS = 2_000;
const LARGE_BYTES = 16 * 1024;

/** A connection to the broker, for one purpose. */
export class Link {
  #model: ChannelModel | undefined;
  #trouble: string | undefined;
  #blocked: string | undefined;
  #waiting: (() => void)[] = [];
  #running: Promise<void> | undefined;
  readonly #closing = new AbortController();

  /** @param purpose shown by the broker's tools, and in logs */
  constructor(
    private readonly address: Address,
    private readonly purpose: string,
    private readonly log: Logger,
  ) {}

  /** Why nothing can be done over this connection now. */
  get trouble(): string | undefined {
    if (this.#running === undefined) return undefined; // nobody has needed it yet
    return this.#trouble ?? this.#blocked;
  }

  /** Set while the broker takes no messages, by its alarm of memory or disk: why. */
  get blocked(): string | undefined {
    return this.#blocked;
  }

  /** The present connection. */
  get model(): ChannelModel | undefined {
    return this.#model;
  }

  /** Begins to connect. */
  start(): void {
    if (this.#running !== undefined || this.#closing.signal.aborted) return;
    this.#trouble = `connecting to RabbitMQ at ${this.address.shown}`;
    this.#running = this.#run();
  }

  /**
   * The connection, once there is one.
   * @throws TransportUnavailable when `signal` aborts first, or it is being closed
   */
  async up(signal: AbortSignal): Promise<ChannelModel> {
    this.start();
    const either = AbortSignal.any([signal, this.#closing.signal]);
    while (this.#model === undefined) {
      if (either.aborted) {
        throw new TransportUnavailable(this.#trouble ?? "the transport is closed");
      }
      await this.#change(either);
    }
    return this.#model;
  }

  /** Ends the connection; the broker takes back what is unsettled on it. Safe to call twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** Resolves when the state may have changed, or `signal` aborted. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener("abort", done);
        resolve();
      };
      signal.addEventListener("abort", done);
      this.#waiting.push(done);
    });
  }

  #tellChanged(): void {
    for (const done of this.#waiting.splice(0)) done();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    let told: string | undefined;
    while (!signal.aborted) {
      const began = performance.now();
      const why = await this.#session(() => {
        if (told !== undefined) this.log.info("connected to the broker again", this.#fields());
        told = undefined;
      });
      if (signal.aborted) break;
      this.#trouble = why;
      if (performance.now() - began > 2 * LONGEST_PAUSE_MS) backoff.reset();
      if (told !== why) this.log.warn("the broker is away; trying again", this.#fields(why));
      told = why;
      await backoff.wait(signal);
    }
  }

  #fields(reason?: string) {
    const { address: { shown: broker }, purpose } = this;
    return { broker, connection: purpose, ...reason === undefined ? {} : { reason } };
  }

  /** One connection from its beginning to its end; says why it ended. */
  async #session(onOpen: () => void): Promise<string> {
    const { signal } = this.#closing;
    let model: ChannelModel;
    try {
      model = await this.#connect();
    } catch (error) {
      return explain(error, this.address);
    }
    const ended = Promise.withResolvers<string>();
    model.on("error", ({ message }) => {
      ended.resolve(`the connection to ${this.address.shown} was lost: ${message}`);
    });
    model.on("close", () => ended.resolve(`the connection to ${this.address.shown} was closed`));
    model.on("handler-error", (error) => this.log.error("a handler of events failed", { error }));
    model.on("blocked", (reason) => {
      this.#blocked = `RabbitMQ takes no messages for now: ${reason}`;
      this.log.warn("the broker takes no messages for now", this.#fields(reason));
    });
    model.on("unblocked", () => {
      this.#blocked = undefined;
      this.log.info("the broker takes messages again", this.#fields());
      this.#tellChanged();
    });
    const onClosing = () => ended.resolve("closed");
    signal.addEventListener("abort", onClosing);
    if (signal.aborted) onClosing();
    writeTogether(streamOf(model));
    onOpen();
    this.#model = model;
    this.#trouble = undefined;
    this.#tellChanged();
    const why = await ended.promise;
    signal.removeEventListener("abort", onClosing);
    this.#model = undefined;
    this.#blocked = undefined;
    await closeModel(model);
    return why;
  }

  async #connect(): Promise<ChannelModel> {
    const { hostname, port, username, password, vhost, heartbeat, tls } = this.address;
    const opening = connect(
      {
        protocol: tls === undefined ? "amqp" : "amqps",
        hostname,
        port,
        username,
        password,
        vhost: encodeURIComponent(vhost), // which the library decodes
        heartbeat,
      },
      {
        ...tls,
        noDelay: true,
        timeout: CONNECT_MS,
        clientProperties: { connection_name: this.purpose },
      },
    );
    return await within(opening, CONNECT_MS);
  }
}

/** One that comes too late is closed. */
async function within(opening: Promise<ChannelModel>, ms: number): Promise<ChannelModel> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${ms / 1000} s`));
      opening.then(closeModel, () => undefined);
    }, ms);
  });
  try {
    return await Promise.race([opening, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The socket, which the library does not type. */
function streamOf(model: ChannelModel): Writable {
  return (model.connection as unknown as { readonly stream: Writable }).stream;
}

/**
 * Has small frames that are written in one turn leave in one piece: the library writes each on its
 * own, and a system call costs more than everything else about a message. A large one goes by
 * itself: putting it together with others would copy it.
 */
function writeTogether(stream: Writable): void {
  const write = stream.write.bind(stream);
  let together = false;
  const leave = () => {
    if (together) stream.uncork();
    together = false;
  };
  stream.write = ((...args: Parameters<typeof write>) => {
    if ((args[0] as Uint8Array).length > LARGE_BYTES) leave();
    else if (!together) {
      together = true;
      stream.cork();
      nextTick(leave); // when nothing that follows from this turn is left to do
    }
    return write(...args);
  }) as typeof write;
}

/** Says goodbye where somebody listens, and in any case lets go of the socket. */
async function closeModel(model: ChannelModel): Promise<void> {
  const stream = streamOf(model);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_MS));
  const goodbye = (async () => {
    try {
      await model.close();
    } catch {
      // it is closed already, which is what is wanted
    }
  })();
  await Promise.race([goodbye, late]);
  clearTimeout(timer);
  stream.destroy();
}

/** What is wrong and what to do about it, in one sentence. */
function explain(error: unknown, { shown, username, vhost, tls }: Address): string {
  const { message, code = "" } = error as { message?: string; code?: string };
  const text = message || code || String(error);
  if (/ACCESS.REFUSED/i.test(text)) {
    return `RabbitMQ at ${shown} does not let user "${username}" in: ` +
      "check ASYA_RABBITMQ_USERNAME and ASYA_RABBITMQ_PASSWORD, or ASYA_RABBITMQ_URL";
  }
  if (/NOT.ALLOWED|ConnectionOpenOk/i.test(text)) { // the library keeps the broker's words to itself
    return `RabbitMQ at ${shown} does not let user "${username}" into virtual host "${vhost}": ` +
      "create the virtual host, or give the user permissions on it";
  }
  if (/certificate|unknownissuer|self.signed|CERT_/i.test(text)) {
    return `the certificate of ${shown} is not trusted or not for that name (${text}): ` +
      "check ASYA_RABBITMQ_TLS_CA";
  }
  if (/handshake|abruptly|ECONNRESET/i.test(text) && tls === undefined) {
    return `${shown} ended the connection (${text}); if it speaks TLS there, use amqps`;
  }
  return `no connection to RabbitMQ at ${shown}: ${text}`;
}
