import { sha256 } from "../../digest.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { moduleSource, type ModuleSourceOptions } from "../open.ts";
import { AUTH, TestRegistry } from "../testdata/registry.ts";
import { bound, capture, everythingIn, moduleOf, serve, withFolder } from "../testdata/stage.ts";

function open(registry: TestRegistry, name: string, options: Partial<ModuleSourceOptions> = {}) {
  return moduleSource(`oci://${registry.host}/team/plugin${name}`, {
    maxBytes: 100_000,
    refreshMs: 5,
    plainHttp: true,
    log: capture().log,
    ...options,
  });
}

/** Writes a pull secret for a registry; its path. */
async function pullSecret(folder: string, host: string, auth = AUTH): Promise<string> {
  const path = join(folder, ".dockerconfigjson");
  await Deno.writeTextFile(path, JSON.stringify({ auths: { [`https://${host}`]: { auth } } }));
  return path;
}

const module = moduleOf("one");

Deno.test("moduleSource() pulls an artifact by tag, by digest, by both, and of older types", async () => {
  await using registry = new TestRegistry();
  const digest = await registry.push(module, "v1");
  await registry.push(module, "latest", "application/vnd.wasm.content.layer.v1+wasm");
  for (const name of [":v1", `@${digest}`, `:gone@${digest}`, ""]) {
    const version = await open(registry, name).read(bound());
    assert.deepEqual(version.bytes, module);
    assert.equal(version.digest, await sha256(module));
    if (name !== "") assert.equal(version.from, `${registry.host}/team/plugin@${digest}`);
  }
});

Deno.test("moduleSource() finds the module's manifest in an index", async () => {
  await using registry = new TestRegistry();
  const digest = await registry.push(module);
  const linux = await registry.push(moduleOf("not this"));
  const index = await registry.index([
    { digest: linux, size: 1, platform: { os: "linux", architecture: "amd64" } },
    { digest, size: 1, platform: { os: "wasi", architecture: "wasm" } },
  ], "v1");
  for (const name of [":v1", `@${index}`]) {
    assert.deepEqual((await open(registry, name).read(bound())).bytes, module);
  }
  const nested = await registry.index([{ digest: index, size: 1 }]);
  await assert.rejects(open(registry, `@${nested}`).read(bound()), {
    code: "not_wasm",
    message: /an index in an index/,
  });
});

Deno.test("moduleSource() pulls with a pull secret, by password and by token", () =>
  withFolder(async (folder) => {
    await using registry = new TestRegistry();
    await registry.push(module, "v1");
    const secret = await pullSecret(folder, registry.host);
    for (const auth of ["basic", "token"] as const) {
      registry.behaviour.auth = auth;
      const source = open(registry, ":v1", { pullSecret: secret });
      assert.deepEqual((await source.read(bound())).bytes, module);
      const token = auth === "token" ? ["GET /token"] : [];
      assert.deepEqual(registry.asked(), [
        "GET manifests/v1",
        ...token,
        "GET manifests/v1",
        `GET blobs/sha256:${await sha256(module)}`,
      ]);
    }
  }));

Deno.test("moduleSource() asks for a new token when the one it has is over", () =>
  withFolder(async (folder) => {
    await using registry = new TestRegistry();
    await registry.push(module, "v1");
    const source = open(registry, ":v1", {
      pullSecret: await pullSecret(folder, registry.host),
    });
    for (const auth of ["basic", "token", "basic"] as const) {
      registry.behaviour.auth = auth; // what it had is refused
      assert.deepEqual((await source.read(bound())).bytes, module);
    }
  }));

Deno.test("moduleSource() names the pull secret where a registry lets nobody in, and hides it", () =>
  withFolder(async (folder) => {
    await using registry = new TestRegistry();
    await registry.push(module, "v1");
    const wrong = new TextEncoder().encode("user:SECRET").toBase64();
    const secret = await pullSecret(folder, registry.host, wrong);
    for (const auth of ["basic", "token"] as const) {
      registry.behaviour.auth = auth;
      await assert.rejects(open(registry, ":v1").read(bound()), {
        code: "unauthorized",
        message: new RegExp(`answered 401; give a pull secret with an entry for ${registry.host}`),
      });
      await assert.rejects(open(registry, ":v1", { pullSecret: secret }).read(bound()), (error) => {
        assert.match(String(error), /does the pull secret .*dockerconfigjson have a valid entry/);
        assert.ok(!everythingIn(error).includes(wrong) && !everythingIn(error).includes("SECRET"));
        return true;
      });
    }
  }));

Deno.test("moduleSource() gives its password to no realm by plain HTTP elsewhere", () =>
  withFolder(async (folder) => {
    await using registry = new TestRegistry();
    registry.behaviour.auth = "token";
    registry.behaviour.realm = "http://tokens.example/token";
    const secret = await pullSecret(folder, registry.host);
    await assert.rejects(open(registry, ":v1", { pullSecret: secret }).read(bound()), {
      code: "unauthorized",
      message: /wants tokens from http:\/\/tokens\.example; only https/,
    });
  }));

Deno.test("moduleSource() follows a registry to its store without credentials", () =>
  withFolder(async (folder) => {
    const seen: (string | null)[] = [];
    let status = 200;
    await using store = serve((request) => {
      seen.push(request.headers.get("authorization"));
      const headers = { "www-authenticate": 'Basic realm="give me"' };
      return new Response(status === 200 ? module : null, { status, headers });
    });
    await using registry = new TestRegistry();
    await registry.push(module, "v1");
    registry.behaviour.blobsAt = store.origin;
    const secret = await pullSecret(folder, registry.host);
    for (const auth of ["basic", "token"] as const) {
      registry.behaviour.auth = auth;
      const source = open(registry, ":v1", { pullSecret: secret });
      assert.deepEqual((await source.read(bound())).bytes, module);
      status = 401; // the store's wish for a password is not heard
      await assert.rejects(source.read(bound()), (error) => {
        assert.match(String(error), /answered 401/);
        assert.doesNotMatch(everythingIn(error), /SECRET/);
        return true;
      });
      status = 200;
    }
    assert.deepEqual(seen, [null, null, null, null]);
  }));

Deno.test("moduleSource() refuses other bytes than those of a digest, wherever they are", async () => {
  await using registry = new TestRegistry();
  const manifest = await registry.push(module);
  const index = await registry.index([{ digest: manifest, size: 1 }]);
  const blob = `sha256:${await sha256(module)}`;
  const name = `@${index}`;
  await open(registry, name).read(bound());
  for (const digest of [index, manifest, blob]) {
    registry.behaviour.tampered = new Map([[digest, moduleOf("two")]]);
    await assert.rejects(open(registry, name).read(bound()), {
      code: "digest_mismatch",
      message: new RegExp(`its SHA-256 is [0-9a-f]{64}, not ${digest.slice(7)}`),
    });
  }
  registry.behaviour.tampered = new Map();
  const sha = "0".repeat(64);
  await assert.rejects(open(registry, name, { sha256: sha }).read(bound()), {
    code: "digest_mismatch",
  });
});

Deno.test("moduleSource() says what is wrong with an artifact", async () => {
  await using registry = new TestRegistry();
  const { truncated, tampered } = registry.behaviour;
  const rejects = (name: string, code: string, message: RegExp) =>
    assert.rejects(open(registry, name).read(bound()), { name: "SourceError", code, message });
  await rejects(":gone", "not_found", /team\/plugin:gone: .* answered 404; check repository/);

  const page = await registry.push(new TextEncoder().encode("<html>"));
  await rejects(`@${page}`, "not_wasm", /not a WebAssembly module/);

  await registry.push(module, "tar", "application/vnd.oci.image.layer.v1.tar+gzip");
  await rejects(":tar", "not_wasm", /its layers are: "application\/vnd.*oras push/);

  const large = moduleOf("large", 100_000);
  const largeDigest = await registry.push(large);
  await rejects(`@${largeDigest}`, "too_large", /\(100029 bytes\).* 100000 bytes allowed/);
  assert.ok(!registry.asked().includes(`GET blobs/sha256:${await sha256(large)}`));

  const digest = await registry.push(module);
  const blob = `sha256:${await sha256(module)}`;
  tampered.set(blob, moduleOf("longer", 1_000));
  await rejects(`@${digest}`, "too_large", /more than the 29 bytes/);
  tampered.set(digest, new Uint8Array(5 * 2 ** 20));
  await rejects(`@${digest}`, "too_large", /more than the 4194304 bytes/);
  tampered.clear();
  truncated.add(blob);
  await rejects(`@${digest}`, "unreachable", /blobs\/sha256:/);
});

Deno.test("changed() sees that a tag was moved, and asks for its digest only", async () => {
  await using registry = new TestRegistry();
  await registry.push(module, "v1");
  const source = open(registry, ":v1");
  await source.read(bound());
  registry.asked();
  const changed = source.changed(bound());
  await registry.push(moduleOf("two"), "v1");
  assert.equal(await changed, true);
  assert.deepEqual(new Set(registry.asked()), new Set(["HEAD manifests/v1"]));
  assert.deepEqual((await source.read(bound())).bytes, moduleOf("two"));
});

Deno.test("moduleSource() needs no registry for what is pinned and cached", () =>
  withFolder(async (cacheDir) => {
    const registry = new TestRegistry();
    const manifest = await registry.push(module);
    const index = await registry.index([{ digest: manifest, size: 1 }]);
    const digest = await sha256(module);
    const pins = [
      () => open(registry, `@${index}`, { cacheDir }),
      () => open(registry, ":v1", { cacheDir, sha256: digest }),
    ];
    await pins[0]!().read(bound());
    registry.asked();
    const blob = join(cacheDir, `${digest}.wasm`);
    await Deno.writeFile(blob, moduleOf("damaged"));
    assert.deepEqual((await pins[0]!().read(bound())).bytes, module);
    assert.deepEqual(registry.asked(), [`GET blobs/sha256:${digest}`]);

    await registry.stop();
    for (const pin of pins) {
      assert.equal(pin().mutable, false);
      assert.deepEqual((await pin().read(bound())).bytes, module);
    }
    await Deno.remove(blob);
    await assert.rejects(pins[0]!().read(bound()), { code: "unreachable" });
  }));

Deno.test("moduleSource() starts with a tag's last version while its registry is away", () =>
  withFolder(async (cacheDir) => {
    const registry = new TestRegistry();
    await registry.push(module, "v1");
    await open(registry, ":v1", { cacheDir }).read(bound());
    await registry.push(moduleOf("two"), "v1");
    await open(registry, ":v1", { cacheDir }).read(bound());

    const { log, lines } = capture();
    const source = open(registry, ":v1", { cacheDir, log });
    registry.behaviour.status = 401;
    await assert.rejects(source.read(bound()), { code: "unauthorized" });
    await registry.stop();
    assert.deepEqual((await source.read(bound())).bytes, moduleOf("two"));
    assert.deepEqual((await source.read(bound())).bytes, moduleOf("two"));
    assert.deepEqual(lines, [
      "warn the module's source is away; the version last seen is used",
    ]);
    await assert.rejects(open(registry, ":v2", { cacheDir }).read(bound()), {
      code: "unreachable",
    });
    assert.equal(await source.changed(bound()), true, "the registry may be back");
  }));
