import { sha256 } from "../digest.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { moduleSource, type ModuleSourceOptions } from "./open.ts";
import {
  bound,
  broken,
  capture,
  everythingIn,
  gzip,
  moduleOf,
  serve,
  withFolder,
} from "./testdata/stage.ts";

function open(reference: string, options: Partial<ModuleSourceOptions> = {}) {
  const { log } = capture();
  return moduleSource(reference, { maxBytes: 100_000, refreshMs: 5, log, ...options });
}

Deno.test("moduleSource() reads a URL, also compressed, and shows neither password nor query", async () => {
  const module = moduleOf("a");
  const file = await gzip(module);
  const expected = `Basic ${new TextEncoder().encode("us:er:pä ss").toBase64()}`;
  await using server = serve((request) => {
    const { pathname, search } = new URL(request.url);
    const right = request.headers.get("authorization") === expected && search === "?signature=S";
    return new Response(!right ? null : pathname === "/a.wasm" ? module : file, {
      status: right ? 200 : 403,
    });
  });
  for (const name of ["a.wasm", "a.wasm.gz"]) {
    const reference = `http://us%3Aer:p%C3%A4%20ss@${server.host}/${name}?signature=S`;
    const version = await open(reference).read(bound());
    assert.deepEqual(version.bytes, module);
    assert.equal(version.digest, await sha256(module));
    assert.equal(version.from, `${server.origin}/${name}`);
  }
  const wrong = open(`http://u:SECRET@${server.host}/a.wasm?s=SECRET`).read(bound());
  await assert.rejects(wrong, (error) => {
    assert.match(String(error), /answered 403; the URL must be readable/);
    assert.doesNotMatch(everythingIn(error), /SECRET/);
    return true;
  });
});

Deno.test("moduleSource() checks a URL's digest", async () => {
  await using server = serve(() => new Response(moduleOf("a")));
  const digest = await sha256(moduleOf("a"));
  const reference = `${server.origin}/a.wasm`;
  assert.equal((await open(reference, { sha256: digest }).read(bound())).digest, digest);
  await assert.rejects(open(reference, { sha256: "0".repeat(64) }).read(bound()), {
    code: "digest_mismatch",
    message: `${reference}: its SHA-256 is ${digest}, not ${"0".repeat(64)}`,
  });
});

Deno.test("moduleSource() says what is wrong with a URL", async () => {
  const answers: Record<string, () => Response> = {
    "/401": () => new Response("no", { status: 401 }),
    "/404": () => new Response("no", { status: 404 }),
    "/410": () => new Response("no", { status: 410 }),
    "/429": () => new Response("no", { status: 429 }),
    "/500": () => new Response("no", { status: 500 }),
    "/huge": () => new Response(new Uint8Array(100_001)),
    "/cut": () => new Response(broken(moduleOf("a", 1_000))),
    "/page": () => new Response("<html>please log in</html>"),
    "/empty": () => new Response(null, { status: 204 }),
  };
  await using server = serve((request) => answers[new URL(request.url).pathname]!());
  const codes = Object.keys(answers).map(async (path) => {
    const error = await open(server.origin + path).read(bound()).catch((error) => error);
    assert.ok(error.message.startsWith(server.origin + path), error.message);
    return [path, error.code];
  });
  assert.deepEqual(Object.fromEntries(await Promise.all(codes)), {
    "/401": "unauthorized",
    "/404": "not_found",
    "/410": "not_found",
    "/429": "unreachable",
    "/500": "unreachable",
    "/huge": "too_large",
    "/cut": "unreachable",
    "/page": "not_wasm",
    "/empty": "not_wasm",
  });
});

Deno.test("moduleSource() gives up a URL that answers too slowly, and when it is told to", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = serve(() =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(moduleOf("a")),
        cancel: () => closed.resolve(),
      }),
    )
  );
  await assert.rejects(open(`${server.origin}/a`, { timeoutMs: 50 }).read(bound()), {
    code: "unreachable",
    message: /no complete answer within 50 ms/,
  });
  await closed.promise; // the connection is not left behind
  const stop = new AbortController();
  const reading = open(`${server.origin}/a`).read(stop.signal);
  stop.abort(new Error("shutting down"));
  await assert.rejects(reading, { message: "shutting down" });
});

Deno.test("changed() asks a URL for another ETag, and reads nothing else", async () => {
  let [etag, module] = ['"1"', moduleOf("one")];
  let again = 0;
  await using server = serve((request) => {
    const known = request.headers.get("if-none-match");
    if (known !== null) again++;
    if (again === 3) [etag, module] = ['"2"', moduleOf("two")];
    const heeded = again !== 1; // some servers do not care what is known
    if (known === etag && heeded) return new Response(null, { status: 304 });
    return new Response(module, { headers: { etag } });
  });
  const source = open(`${server.origin}/a.wasm`);
  assert.deepEqual((await source.read(bound())).bytes, moduleOf("one"));
  assert.equal(await source.changed(bound()), true);
  assert.equal(again, 3);
  assert.deepEqual((await source.read(bound())).bytes, moduleOf("two"));
});

Deno.test("changed() is true after one interval where a server has no ETag or is away", async () => {
  const server = serve(() => new Response(moduleOf("a")));
  const source = open(`${server.origin}/a.wasm`);
  await source.read(bound());
  assert.equal(await source.changed(bound()), true);
  await server.stop();
  assert.equal(await source.changed(bound()), true);
});

Deno.test("changed() resolves false for a URL when its signal aborts", async () => {
  const asked = Promise.withResolvers<void>();
  await using server = serve((request) => {
    const etag = '"1"';
    if (request.headers.has("if-none-match")) asked.resolve();
    return new Response(moduleOf("a"), { headers: { etag } });
  });
  const digest = await sha256(moduleOf("a"));
  for (const pin of [undefined, digest]) {
    const source = open(`${server.origin}/a.wasm`, { sha256: pin });
    await source.read(bound());
    const stop = new AbortController();
    const changed = source.changed(stop.signal);
    await (pin ?? asked.promise);
    stop.abort();
    assert.equal(await changed, false);
  }
});

Deno.test("moduleSource() needs no server for a URL that is pinned and cached", () =>
  withFolder(async (cacheDir) => {
    const module = moduleOf("a");
    let asked = 0;
    const server = serve(() => (asked++, new Response(module)));
    const digest = await sha256(module);
    const reference = `${server.origin}/a.wasm`;
    const read = () => open(reference, { sha256: digest, cacheDir }).read(bound());
    assert.deepEqual((await read()).bytes, module);
    assert.deepEqual((await read()).bytes, module);
    assert.equal(asked, 1);

    await Deno.writeFile(join(cacheDir, `${digest}.wasm`), module.slice(0, -1));
    assert.deepEqual((await read()).bytes, module);
    assert.equal(asked, 2, "a damaged file is fetched again");

    await server.stop();
    assert.deepEqual((await read()).bytes, module);
    await Deno.writeFile(join(cacheDir, `${digest}.wasm`), module.slice(0, -1));
    await assert.rejects(read(), { code: "unreachable" });
  }));

Deno.test("moduleSource() starts with a URL's last version while its server is away, and says so once", () =>
  withFolder(async (cacheDir) => {
    let status = 200;
    let module = moduleOf("one");
    await using server = serve(() => new Response(status === 200 ? module : null, { status }));
    const reference = `${server.origin}/a.wasm`;
    await open(reference, { cacheDir }).read(bound());
    module = moduleOf("two");
    await open(reference, { cacheDir }).read(bound());

    const { log, lines, text } = capture();
    const source = open(`${reference}`, { cacheDir, log });
    status = 503;
    for (let times = 0; times < 3; times++) {
      assert.deepEqual((await source.read(bound())).bytes, module);
    }
    const away = "warn the module's source is away; the version last seen is used";
    assert.deepEqual(lines, [away]);
    assert.match(text(), /answered 503/);
    status = 200;
    await source.read(bound());
    assert.deepEqual(lines, [away, "info the module's source is back"]);

    status = 403; // withdrawn, not away
    await assert.rejects(source.read(bound()), { code: "unauthorized" });
    status = 503;
    await assert.rejects(open(`${reference}2`, { cacheDir }).read(bound()), {
      code: "unreachable",
    });
  }));
