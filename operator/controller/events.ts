/** Events at an actor, as `kubectl describe` shows them; a word said twice in a row is said once. */

import type { Logger } from "@asya/telemetry";
import { FIELD_MANAGER, type KubeClient } from "../kube/client.ts";
import type { KubeObject } from "../kube/object.ts";

/** How grave an event is. */
export type EventType = "Normal" | "Warning";

const LONGEST_MESSAGE = 1_000;
/** Actors whose last event is remembered. */
const REMEMBERED = 5_000;

/** Records events; failing to is logged and nothing more. */
export class Events {
  readonly #client: KubeClient;
  readonly #host: string;
  readonly #log: Logger;
  readonly #last = new Map<string, string>();

  /** @param host names this operator among several */
  constructor(client: KubeClient, host: string, log: Logger) {
    this.#client = client;
    this.#host = host;
    this.#log = log;
  }

  /** @param reason one word in CamelCase */
  async record(
    about: KubeObject,
    type: EventType,
    reason: string,
    message: string,
  ): Promise<void> {
    const { name, namespace = "default", uid = "" } = about.metadata;
    const word = `${reason}\n${message}`;
    if (this.#last.get(uid) === word) return;
    if (this.#last.size >= REMEMBERED) this.#last.delete(this.#last.keys().next().value!);
    this.#last.set(uid, word);
    try {
      await this.#client.create(eventOf(about, {
        name: `${name}.${crypto.randomUUID().slice(0, 13)}`,
        namespace,
        type,
        reason,
        message: message.slice(0, LONGEST_MESSAGE),
        host: this.#host,
        at: new Date(),
      }));
    } catch (error) {
      this.#log.warn("an event was not recorded", { actor: `${namespace}/${name}`, reason, error });
    }
  }
}

interface EventParts {
  readonly name: string;
  readonly namespace: string;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
  readonly host: string;
  readonly at: Date;
}

function eventOf({ apiVersion, kind, metadata }: KubeObject, parts: EventParts): KubeObject {
  const { name, namespace, type, reason, message, host, at } = parts;
  const time = at.toISOString().replace(/\.\d+Z$/, "Z");
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace },
    involvedObject: {
      apiVersion,
      kind,
      name: metadata.name,
      namespace,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
    },
    type,
    reason,
    message,
    source: { component: FIELD_MANAGER, host },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}
