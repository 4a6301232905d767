/** Certificates for tests, made anew each time by openssl. */

import assert from "node:assert/strict";

/** PEM texts. */
export interface Certificates {
  /** The authority. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Why none can be made here; `undefined` where they can. */
export async function noOpenssl(): Promise<string | undefined> {
  try {
    await new Deno.Command("openssl", { args: ["version"], stdout: "null" }).output();
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "needs openssl to make certificates";
    throw error;
  }
}

async function openssl(cwd: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, cwd }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** An authority and a certificate of it for 127.0.0.1, good for servers and clients. PEM texts. */
export async function certificates(): Promise<Certificates> {
  const dir = await Deno.makeTempDir({ prefix: "asya-tls-" });
  try {
    const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const ca = ["-days", "2", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority"];
    await openssl(dir, "req", "-x509", ...fresh, ...ca);
    const request = ["-keyout", "key.pem", "-out", "cert.csr", "-subj", "/CN=127.0.0.1"];
    await openssl(dir, "req", "-new", ...fresh, ...request);
    await Deno.writeTextFile(`${dir}/names`, "subjectAltName=IP:127.0.0.1\n");
    const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"];
    await openssl(dir, "x509", "-req", "-in", "cert.csr", ...by, "-days", "2", "-out", "cert.pem");
    const read = (name: string) => Deno.readTextFile(`${dir}/${name}.pem`);
    return { ca: await read("ca"), cert: await read("cert"), key: await read("key") };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
