import assert from "node:assert/strict";
import { AccessError, readKubeconfig } from "./kubeconfig.ts";

const b64 = (text: string) => new TextEncoder().encode(text).toBase64();

function config(cluster: string, user: string): string {
  return `
apiVersion: v1
kind: Config
current-context: here
contexts:
  - { name: there, context: { cluster: other, user: nobody } }
  - { name: here, context: { cluster: c, user: u, namespace: shop } }
clusters: [{ name: c, cluster: { server: "https://k8s:6443/", ${cluster} } }]
users: [{ name: u, user: { ${user} } }]
`;
}

const read = (path: string) => `text of ${path}`;

Deno.test("readKubeconfig() takes certificates from data", () => {
  const text = config(
    `certificate-authority-data: ${b64("CA")}`,
    `client-certificate-data: ${b64("CERT")}, client-key-data: ${b64("KEY")}`,
  );
  assert.deepEqual(readKubeconfig(text, "/home/me/.kube/config", read), {
    server: "https://k8s:6443",
    ca: "CA",
    cert: "CERT",
    key: "KEY",
    namespace: "shop",
  });
});

Deno.test("readKubeconfig() takes files from the folder of the file, and a token's file by its path", () => {
  const text = config("certificate-authority: ca.pem", "tokenFile: /run/token");
  assert.deepEqual(readKubeconfig(text, "/home/me/.kube/config", read), {
    server: "https://k8s:6443",
    ca: "text of /home/me/.kube/ca.pem",
    tokenFile: "/run/token",
    namespace: "shop",
  });
});

const REFUSED: readonly [string, string, RegExp][] = [
  [
    "a user that logs in by a program",
    config("", "exec: { command: aws }"),
    /kubectl create token/,
  ],
  ["a cluster that is not verified", config("insecure-skip-tls-verify: true", ""), /skip-tls/],
  [
    "a certificate without its key",
    config("", `client-certificate-data: ${b64("C")}`),
    /need each/,
  ],
  ["a context that is not there", "current-context: x", /context "x" is not in it/],
  ["something else", "[1]", /kubeconfig \/k/],
];

for (const [name, text, message] of REFUSED) {
  Deno.test(`readKubeconfig() refuses ${name}, and says what to do`, () => {
    assert.throws(() => readKubeconfig(text, "/k", read), (error) => {
      assert.ok(error instanceof AccessError);
      assert.match(error.message, message);
      return true;
    });
  });
}
