import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const START = fileURLToPath(new URL("./start", import.meta.url));
const TABLES = fileURLToPath(new URL("../docs/environment.md", import.meta.url));

/** Runs the script with a `deno` that only prints its arguments, and nothing else in the environment. */
async function start(
  program: string,
  env: Record<string, string>,
): Promise<{ code: number; args: string[]; err: string }> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "deno"), '#!/bin/sh\nprintf "%s\\n" "$@"\n', {
      mode: 0o755,
    });
    const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
      args: [START, program],
      clearEnv: true,
      env: { PATH: `${folder}:/usr/bin:/bin`, ASYA_APP: "/app", HOME: "/home/x", ...env },
    }).output();
    const text = new TextDecoder();
    const args = text.decode(stdout).trim().split("\n");
    return { code, args, err: text.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function permission(args: readonly string[], name: string): string[] | undefined {
  const flag = `--allow-${name}=`;
  const found = args.find((arg) => arg.startsWith(flag));
  return found?.slice(flag.length).split(/(?<!,),(?!,)/).map((path) => path.replaceAll(",,", ","));
}

Deno.test("start gives no program all permissions, nor any to run others", async () => {
  for (const program of ["sidecar", "crew", "gateway", "operator"]) {
    const { args } = await start(program, {});
    assert.equal(args.at(-1), `/app/${program}/main.js`);
    assert.ok(args.includes("--no-prompt") && args.includes("--cached-only"), program);
    for (const wide of ["-A", "--allow-all", "--allow-run", "--allow-ffi", "--allow-read"]) {
      assert.ok(!args.includes(wide), `${program} ${wide}`);
    }
  }
});

Deno.test("start lets a sidecar with a runtime use its socket's folder alone", async () => {
  const { args } = await start("sidecar", {});
  assert.deepEqual(permission(args, "read"), ["/app", "/home/x/.aws", "/var/run/asya"]);
  assert.deepEqual(permission(args, "write"), ["/var/run/asya"]);
});

Deno.test("start lets a sidecar with a plugin read the module's folder and write nothing", async () => {
  const { args } = await start("sidecar", { ASYA_WASM_MODULE: "/opt/a,b/m.wasm" });
  assert.deepEqual(permission(args, "read"), ["/app", "/home/x/.aws", "/opt/a,b"]);
  assert.equal(permission(args, "write"), undefined);
  const remote = await start("sidecar", { ASYA_WASM_MODULE: "oci://registry/a:1" });
  assert.deepEqual(permission(remote.args, "read"), ["/app", "/home/x/.aws"]);
});

Deno.test("start lets the gateway read the certificates that its database's URL names", async () => {
  const url =
    "postgres://u:p@h/d?sslmode=verify-full&sslrootcert=/etc/db/ca.crt&sslkey=/keys/k.pem";
  const { args } = await start("gateway", { ASYA_DATABASE_URL: url });
  const read = permission(args, "read")!;
  assert.ok(read.includes("/etc/db") && read.includes("/keys"), read.join());
  assert.equal(permission(args, "write"), undefined);
});

Deno.test("start refuses a program that the image does not have", async () => {
  const { code, err } = await start("shell", {});
  assert.equal(code, 2);
  assert.match(err, /no program shell/);
});

Deno.test("start allows every file and folder that the tables of settings name", async () => {
  const tables = await Deno.readTextFile(TABLES);
  const names = [...tables.matchAll(/^\| `(ASYA_\w+)`.*\|$/gm)]
    .filter(([row]) => /\b(file|folder)\b/i.test(row))
    .map(([, name]) => name!)
    .filter((name) => !["ASYA_SOCKET_NAME", "ASYA_S3_BUCKET", "ASYA_WASM_REFRESH"].includes(name));
  assert.ok(names.length >= 8, names.join());
  const script = await Deno.readTextFile(START);
  for (const name of names) assert.ok(script.includes(name), `${name} is not in images/start`);
});
