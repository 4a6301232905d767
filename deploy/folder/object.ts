/** Kubernetes objects as they go to the cluster: plain values. */

/** What every object has. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [other: string]: unknown;
  };
  readonly [other: string]: unknown;
}

/** A ConfigMap. */
export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  /** In base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** Label of everything that a folder has put on a cluster: the folder's name. */
export const FOLDER_LABEL = "asya.sh/folder";

/** Bytes that a ConfigMap is given at most: Kubernetes takes 1 MiB, names and all. */
export const CONFIG_MAP_BYTES = 900_000;

/** Whether a value from YAML is an object of Kubernetes, and not a tools file or a setting. */
export function isKubeObject(value: unknown): value is KubeObject {
  if (typeof value !== "object" || value === null) return false;
  const { apiVersion, kind, metadata } = value as Record<string, unknown>;
  const name = (metadata as { name?: unknown } | null | undefined)?.name;
  return [apiVersion, kind, name].every((text) => typeof text === "string" && text !== "");
}

/** The object with a label more. */
export function labelled<T extends KubeObject>(object: T, key: string, value: string): T {
  const { metadata } = object;
  return { ...object, metadata: { ...metadata, labels: { ...metadata.labels, [key]: value } } };
}
