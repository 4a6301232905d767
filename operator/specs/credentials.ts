/** Credentials: which Secrets the settings name, and their copies in the actors' namespaces. */

import type { OperatorConfig, RabbitmqConfig, SecretRef, TransportConfig } from "../config.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Facts } from "./facts.ts";
import { MANAGED_BY, MESH_TOKEN_SECRET, transportSecretName } from "./names.ts";

export type { SecretRef };

/** Keys of a transport's copied Secret, with where their values come from. */
function sources(transport: TransportConfig): Readonly<Record<string, SecretRef | undefined>> {
  if (transport.type === "sqs") {
    return {
      accessKeyId: transport.credentials?.accessKeyIdSecretRef,
      secretAccessKey: transport.credentials?.secretAccessKeySecretRef,
    };
  }
  const { passwordSecretRef, tls } = transport;
  return {
    "password": passwordSecretRef,
    "ca.crt": tls.caSecretRef,
    "tls.crt": tls.certSecretRef,
    "tls.key": tls.keySecretRef,
  };
}

function refsOf(transport: TransportConfig): SecretRef[] {
  return Object.values(sources(transport)).filter((ref) => ref !== undefined);
}

/** Every Secret and key that the settings name: what {@linkcode Facts.secrets} has to hold. */
export function secretRefs(config: OperatorConfig): SecretRef[] {
  const transports = Object.values(config.transports).flatMap(refsOf);
  const token = config.gateway?.meshTokenSecretRef;
  return token === undefined ? transports : [...transports, token];
}

/** Those that a transport needs and that are not there. */
export function missingSecrets(transport: TransportConfig, { secrets }: Facts): SecretRef[] {
  return refsOf(transport).filter(({ name, key }) => !secrets.has(`${name}/${key}`));
}

/** What the copied Secret holds, by key: as the operator's Secrets have it, text. */
export function copied(
  transport: TransportConfig,
  { secrets }: Facts,
): Readonly<Record<string, string>> {
  const values = Object.entries(sources(transport)).flatMap(([key, ref]) => {
    const value = ref && secrets.get(`${ref.name}/${ref.key}`);
    return value === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(values);
}

/**
 * The broker with user and password in it. KEDA knows no other way to be told a password of
 * RabbitMQ; whatever characters it has are percent-encoded.
 */
function urls(transport: RabbitmqConfig, password: string): Readonly<Record<string, string>> {
  const { host, port, vhost, username, tls, management } = transport;
  const user = `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  const name = host.includes(":") ? `[${host}]` : host;
  const scheme = tls.enabled ? "amqps" : "amqp";
  const url = `${scheme}://${user}${name}:${port}/${encodeURIComponent(vhost)}`;
  // The path ends in a slash: KEDA takes what comes after the last one for the virtual host.
  const api = management && management.url.replace("://", `://${user}`).replace(/\/*$/, "/");
  return { url, host: api ?? url, ...tls.enabled && { tls: "enable" } };
}

function secret(namespace: string, name: string, data: Readonly<Record<string, string>>) {
  const encoder = new TextEncoder();
  const encoded = Object.entries(data).map((
    [key, value],
  ) => [key, encoder.encode(value).toBase64()]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels: MANAGED_BY },
    type: "Opaque",
    data: Object.fromEntries(encoded),
  };
}

/**
 * The copies of one namespace: per transport `asya-transport-<name>` (RabbitMQ: `password`, `url`,
 * `host` for KEDA, `tls`, `ca.crt`, `tls.crt`, `tls.key`; SQS: `accessKeyId`, `secretAccessKey`), and
 * `asya-mesh-token`.
 */
export function credentialCopies(
  namespace: string,
  config: OperatorConfig,
  facts: Facts,
): readonly KubeObject[] {
  const objects: KubeObject[] = [];
  for (const [name, transport] of Object.entries(config.transports)) {
    const values = copied(transport, facts);
    const data = transport.type === "rabbitmq"
      ? { ...values, ...urls(transport, values["password"] ?? "guest") }
      : values;
    if (Object.keys(data).length === 0) continue;
    objects.push(secret(namespace, transportSecretName(name), data));
  }
  const ref = config.gateway?.meshTokenSecretRef;
  const token = ref && facts.secrets.get(`${ref.name}/${ref.key}`);
  if (token !== undefined) objects.push(secret(namespace, MESH_TOKEN_SECRET, { token }));
  return objects;
}
