/** Where the cluster is: in a pod by its service account, elsewhere by a kubeconfig. */

import { join } from "node:path";
import { type Access, AccessError, readKubeconfig } from "./kubeconfig.ts";

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the way to the cluster: `KUBECONFIG`, else the pod's service account, else
 * `~/.kube/config`.
 *
 * @throws AccessError when there is none, with what can be done
 */
export function findAccess(env: Readonly<Record<string, string | undefined>>): Access {
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, HOME } = env;
  if (!KUBECONFIG && host) {
    const file = (name: string) => join(SERVICE_ACCOUNT, name);
    return {
      server: `https://${host.includes(":") ? `[${host}]` : host}:${port ?? "443"}`,
      ca: readText(file("ca.crt")),
      tokenFile: file("token"),
      namespace: readText(file("namespace")).trim(),
    };
  }
  const path = KUBECONFIG?.split(":")[0] || (HOME ? join(HOME, ".kube", "config") : undefined);
  if (path === undefined) {
    throw new AccessError("this is no pod and KUBECONFIG is not set: name a kubeconfig file");
  }
  return readKubeconfig(readText(path), path, readText);
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AccessError(`${path} cannot be read, and it says where the cluster is: ${why}`, {
      cause,
    });
  }
}
