import assert from "node:assert/strict";
import { StoreUnavailable } from "../../gateway/store/store.ts";
import { certificates, noOpenssl } from "../../tools/services/certificates.ts";
import { startPostgres } from "../../tools/services/postgres.ts";
import { startProxy } from "../chaos/proxy.ts";
import { call, everything, openStore, step, test, until } from "./setup.ts";

const certified = await noOpenssl() === undefined ? await certificates() : undefined;

/** Every method refuses within so many milliseconds, many times at once. */
async function refusesWithin(ms: number, all: (() => Promise<unknown>)[]): Promise<void> {
  const started = performance.now();
  const tried = all.flatMap((one) => [one, one, one]).map((one) =>
    assert.rejects(one(), StoreUnavailable)
  );
  await Promise.all(tried);
  const took = performance.now() - started;
  assert.ok(took < ms, `it took ${Math.round(took)} ms`);
}

test("openPostgresStore() refuses at once while the server is down, and recovers", async () => {
  await using server = await startPostgres();
  await using one = await openStore(server.url);
  await using two = await openStore(server.url);
  await one.store.create(call("a"), "1");
  let woken = 0;
  const undo = two.store.watch("a", () => woken++);
  await server.stop();
  for (let n = 0; n < 3; n++) await refusesWithin(2_000, everything(one.store));
  await server.start();
  const heard = woken;
  await until("it works again", () => one.store.change("a", step).then(() => true, () => false));
  await until("the other hears of it", () => woken > heard);
  assert.equal((await two.store.updates("a", 0, 10)).length, 1);
  undo();
  const log = [...one.logged, ...two.logged].join("\n");
  assert.ok(!log.includes(server.password), log);
});

test("openPostgresStore() gives up on a server that says nothing, and recovers", async () => {
  await using server = await startPostgres(certified ? { tls: certified } : {});
  await using proxy = await startProxy({ hostname: "127.0.0.1", port: server.port });
  const url = new URL(server.url);
  url.port = String(proxy.port);
  await using plain = await openStore(`${url.href}?sslmode=disable`);
  await using secret = await openStore(`${url.href}?sslmode=prefer`);
  const stores = [plain.store, secret.store];
  await plain.store.create(call("a"), "1");
  await secret.store.head("a");
  proxy.halfOpen();
  const all = stores.flatMap(everything);
  await refusesWithin(12_000, all);
  await refusesWithin(12_000, all); // also with new connections
  await proxy.heal();
  for (const store of stores) {
    await until("it works again", () => store.change("a", step).then(() => true, () => false));
  }
  await until("what was given up is closed", () => proxy.connections <= 2 * 11);
});

test("openPostgresStore() opens while the server is down, and works when it comes", async () => {
  await using server = await startPostgres();
  await server.stop();
  await using opened = await openStore(server.url);
  const { store, logged } = opened;
  await refusesWithin(1_000, everything(store));
  assert.match(logged.join("\n"), /waiting for the database/);
  await server.start();
  await until("it works", () => store.create(call("a"), "1").catch(() => false));
  assert.match(logged.join("\n"), /the database is prepared/);
  assert.equal((await store.get("a"))?.payload, "1");
});

if (certified) {
  test("openPostgresStore() knows whom it speaks to, as far as sslmode asks", async () => {
    const folder = await Deno.makeTempDir();
    const others = await certificates();
    await Deno.writeTextFile(`${folder}/ca.pem`, certified.ca);
    await Deno.writeTextFile(`${folder}/other.pem`, others.ca);
    await Deno.chmod(folder, 0o777); // the server may be another user
    const conf = [`unix_socket_directories = '${folder}'`];
    await using server = await startPostgres({ tls: certified, conf });
    const works = async (query: string) => {
      const url = `${server.url}?${query.replace("name:", "")}`;
      const host = query.startsWith("name:") ? "localhost" : "127.0.0.1"; // it is certified for
      await using opened = await openStore(url.replace("127.0.0.1", host));
      return await opened.store.head("a").then(() => true, () => false);
    };
    await Deno.writeTextFile(`${folder}/bad.pem`, certified.ca.replaceAll("M", "*"));
    const modes: [string, boolean][] = [
      [`name:sslmode=verify-ca&sslrootcert=${folder}/ca.pem`, true],
      [`name:sslmode=verify-full&sslrootcert=${folder}/ca.pem`, false],
      [`sslmode=verify-full&sslrootcert=${folder}/bad.pem`, false],
      [`sslmode=verify-full&sslrootcert=${folder}/missing.pem`, false],
      ["sslmode=disable", true],
      ["sslmode=prefer", true],
      ["sslmode=require", true],
      [`sslmode=verify-ca&sslrootcert=${folder}/ca.pem`, true],
      [`sslmode=verify-full&sslrootcert=${folder}/ca.pem`, true],
      [`sslmode=verify-ca&sslrootcert=${folder}/other.pem`, false],
      [`sslmode=verify-full&sslrootcert=${folder}/other.pem`, false],
      [`sslmode=require&sslrootcert=${folder}/other.pem`, false],
      ["sslmode=verify-full", false],
    ];
    for (const [query, expected] of modes) assert.equal(await works(query), expected, query);
    assert.ok(await works(`host=${folder}`), "by its Unix socket");
    await Deno.remove(folder, { recursive: true });
  });
}
