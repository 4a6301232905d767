/**
 * Reads a kubeconfig file as `kubectl` does: the current context's cluster and user.
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */

import { dirname, isAbsolute, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** How to reach an API server. PEM texts. */
export interface Access {
  /** Its URL, without a slash at the end. */
  readonly server: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** A token that does not change. */
  readonly token?: string;
  /** A file with a token that is renewed from time to time. */
  readonly tokenFile?: string;
  /** Of the context; `default` without one. */
  readonly namespace: string;
}

/** There is no way to the cluster. */
export class AccessError extends Error {
  /** The class's name. */
  override readonly name = "AccessError";
  /** For programs. */
  readonly code = "no_cluster_access";
}

const opt = z.optional;
const text = z.string();
const schema = z.looseObject({
  "current-context": opt(text),
  contexts: z.array(z.looseObject({
    name: text,
    context: z.looseObject({ cluster: text, user: opt(text), namespace: opt(text) }),
  })).default([]),
  clusters: z.array(z.looseObject({
    name: text,
    cluster: z.looseObject({
      server: text,
      "certificate-authority": opt(text),
      "certificate-authority-data": opt(text),
      "insecure-skip-tls-verify": opt(z.boolean()),
      "tls-server-name": opt(text),
    }),
  })).default([]),
  users: z.array(z.looseObject({
    name: text,
    user: z.looseObject({
      token: opt(text),
      tokenFile: opt(text),
      "client-certificate": opt(text),
      "client-certificate-data": opt(text),
      "client-key": opt(text),
      "client-key-data": opt(text),
      exec: opt(z.unknown()),
      "auth-provider": opt(z.unknown()),
      username: opt(text),
    }),
  })).default([]),
});

/**
 * Finds the current context's access in a kubeconfig.
 *
 * @param path of the file: relative paths in it start in its folder
 * @param read the text of another file that it names
 * @throws AccessError when it is not one, or uses what is not supported
 */
export function readKubeconfig(
  content: string,
  path: string,
  read: (path: string) => string,
): Access {
  const fail = (why: string): never => {
    throw new AccessError(`kubeconfig ${path}: ${why}`);
  };
  const file = schema.safeParse(parse(content));
  if (!file.success) return fail(z.prettifyError(file.error));
  const { "current-context": current, contexts, clusters, users } = file.data;
  const context = contexts.find(({ name }) => name === current)?.context ??
    fail(`context ${JSON.stringify(current)} is not in it; kubectl config use-context NAME`);
  const cluster = clusters.find(({ name }) => name === context.cluster)?.cluster ??
    fail(`cluster "${context.cluster}" is not in it`);
  const user = users.find(({ name }) => name === context.user)?.user ?? {};
  if (user.exec !== undefined || user["auth-provider"] !== undefined) {
    fail(
      "its user logs in by another program (exec), which is not supported here; use a token " +
        "of a service account: kubectl create token NAME",
    );
  }
  if (user.username !== undefined) fail("a user with a password is not supported; use a token");
  if (cluster["insecure-skip-tls-verify"]) {
    fail("insecure-skip-tls-verify is not supported; give certificate-authority-data");
  }
  if (cluster["tls-server-name"] !== undefined) fail("tls-server-name is not supported");

  const folder = dirname(path);
  const at = (name: string) => isAbsolute(name) ? name : join(folder, name);
  const pem = (data: string | undefined, name: string | undefined) =>
    data !== undefined
      ? new TextDecoder().decode(Uint8Array.fromBase64(data))
      : name === undefined
      ? undefined
      : read(at(name));
  const ca = pem(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const cert = pem(user["client-certificate-data"], user["client-certificate"]);
  const key = pem(user["client-key-data"], user["client-key"]);
  if ((cert === undefined) !== (key === undefined)) {
    fail("client certificate and client key need each other");
  }
  return {
    server: cluster.server.replace(/\/+$/, ""),
    ...ca === undefined ? {} : { ca },
    ...cert === undefined || key === undefined ? {} : { cert, key },
    ...user.token === undefined ? {} : { token: user.token },
    ...user.tokenFile === undefined || user.token !== undefined
      ? {}
      : { tokenFile: at(user.tokenFile) },
    namespace: context.namespace ?? "default",
  };
}
