/** What every namespace with actors has once: the runtime's script and copies of credentials. */

import type { OperatorConfig } from "../config.ts";
import type { KubeObject } from "../kube/object.ts";
import { credentialCopies } from "./credentials.ts";
import type { Facts } from "./facts.ts";
import { MANAGED_BY, RUNTIME_CONFIG_MAP } from "./names.ts";

/** What there should be in a namespace that has actors; to apply before the actors' objects. */
export function namespaceObjects(
  namespace: string,
  config: OperatorConfig,
  facts: Facts,
): readonly KubeObject[] {
  const scripts: KubeObject = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: RUNTIME_CONFIG_MAP, namespace, labels: MANAGED_BY },
    data: facts.runtimeScripts,
  };
  return [scripts, ...credentialCopies(namespace, config, facts)];
}
