/** A certificate that signs itself, made anew by openssl. */

import assert from "node:assert/strict";

/** Whether none can be made here. */
export function hasNoOpenssl(): boolean {
  try {
    return !new Deno.Command("openssl", { args: ["version"], stdout: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

/** Writes `cert.pem` and `key.pem`, good for the names: `DNS:api.test`, `IP:127.0.0.1`. */
export async function makeCertificate(folder: string, names: string): Promise<void> {
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2
    -keyout key.pem -out cert.pem -subj /CN=test -addext basicConstraints=critical,CA:FALSE`
    .split(/\s+/);
  args.push("-addext", `subjectAltName=${names}`);
  const { success, stderr } = await new Deno.Command("openssl", { args, cwd: folder }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
