/** What building objects needs to know of the cluster, kept up to date. */

import { join } from "node:path";
import type { Logger } from "@asya/telemetry";
import type { KubeClient } from "../kube/client.ts";
import { Informer } from "../kube/informer.ts";
import type { KubeObject } from "../kube/object.ts";
import { RESOURCES } from "../kube/resources.ts";
import { JAVASCRIPT_SCRIPT, PYTHON_SCRIPT } from "../specs/language.ts";

/** The scripts that handlers' pods run, by the folder of each. */
const SCRIPTS = { python: PYTHON_SCRIPT, node: JAVASCRIPT_SCRIPT };

/** Reads the scripts that go into the ConfigMap of every namespace. @throws Deno.errors.NotFound */
export async function readRuntimeScripts(folder: string): Promise<Record<string, string>> {
  const read = Object.entries(SCRIPTS).map(async ([language, script]) =>
    [script, await Deno.readTextFile(join(folder, language, script))] as const
  );
  return Object.fromEntries(await Promise.all(read));
}

/** Helm keeps its releases in Secrets of up to a megabyte. */
const NO_RELEASES = "type!=helm.sh/release.v1";

/** The Secrets of the operator's own namespace. */
export class OwnSecrets {
  readonly #informer: Informer;
  #values: ReadonlyMap<string, string> | undefined;

  /** @param changed some Secret is not what it was */
  constructor(client: KubeClient, namespace: string, log: Logger, changed: () => void) {
    this.#informer = new Informer(client, {
      resource: RESOURCES.secrets,
      fieldSelector: NO_RELEASES,
      namespaces: [namespace],
      log,
      keep: ({ apiVersion, kind, metadata: { name, namespace = "" }, data }) => ({
        apiVersion,
        kind,
        metadata: { name, namespace },
        data,
      }),
      changed: () => {
        this.#values = undefined;
        changed();
      },
    });
  }

  /** Resolves when they are known. */
  async start(): Promise<void> {
    this.#informer.start();
    await this.#informer.synced();
  }

  /** `name/key` to the value. */
  get values(): ReadonlyMap<string, string> {
    return this.#values ??= new Map([...this.#informer.values()].flatMap(entriesOf));
  }

  /** Ends. */
  async stop(): Promise<void> {
    await this.#informer.stop();
  }
}

function entriesOf({ metadata: { name }, data }: KubeObject): [string, string][] {
  const decoder = new TextDecoder();
  return Object.entries((data ?? {}) as Record<string, string>).map(([key, value]) => [
    `${name}/${key}`,
    decoder.decode(Uint8Array.fromBase64(value)),
  ]);
}
