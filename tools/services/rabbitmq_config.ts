/** The files that a test's RabbitMQ reads. */

/** Certificates of a TLS listener, each as PEM text. */
export interface BrokerTls {
  /** The authority that client certificates are checked against. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Refuses clients that show no certificate of that authority. */
  readonly clientCertificate?: boolean;
}

/** What a test may ask of its broker. */
export interface RabbitmqOptions {
  /** More lines of `rabbitmq.conf`, e.g. `consumer_timeout = 10000`. */
  readonly conf?: readonly string[];
  /** The text of `advanced.config`. */
  readonly advanced?: string;
  /** Listens with TLS too. */
  readonly tls?: BrokerTls;
  /** Memory, in bytes, above which publishers are blocked. Default 1 GiB. */
  readonly memoryBytes?: number;
}

/** Where the broker listens and who may come in. */
export interface BrokerAccess {
  readonly user: string;
  readonly password: string;
  /** `address:port`. */
  readonly listen: string;
  readonly listenTls: string;
}

/** The memory bound where none is asked for. */
export const MEMORY_BYTES = 1 << 30;
/** Quorum queues keep this much of their log in memory; by default it is 512 MiB. */
const LOG_BYTES = 32 << 20;

/** Writes them to `dir`; `seenAs` is the path under which the broker sees that folder. */
export async function writeConfig(
  dir: string,
  seenAs: string,
  access: BrokerAccess,
  { conf = [], advanced, tls, memoryBytes = MEMORY_BYTES }: RabbitmqOptions,
): Promise<void> {
  const lines = [
    `listeners.tcp.test = ${access.listen}`,
    `default_user = ${access.user}`,
    `default_pass = ${access.password}`,
    `vm_memory_high_watermark.absolute = ${memoryBytes}`,
    `raft.wal_max_size_bytes = ${LOG_BYTES}`,
  ];
  if (tls !== undefined) {
    const { ca, cert, key, clientCertificate = false } = tls;
    for (const [name, text] of Object.entries({ ca, cert, key })) {
      await Deno.writeTextFile(`${dir}/${name}.pem`, text);
    }
    lines.push(
      `listeners.ssl.test = ${access.listenTls}`,
      `ssl_options.cacertfile = ${seenAs}/ca.pem`,
      `ssl_options.certfile = ${seenAs}/cert.pem`,
      `ssl_options.keyfile = ${seenAs}/key.pem`,
      `ssl_options.verify = ${clientCertificate ? "verify_peer" : "verify_none"}`,
      `ssl_options.fail_if_no_peer_cert = ${clientCertificate}`,
    );
  }
  await Deno.writeTextFile(`${dir}/rabbitmq.conf`, [...lines, ...conf, ""].join("\n"));
  await Deno.writeTextFile(`${dir}/advanced.config`, advanced ?? "[].\n");
}
