import assert from "node:assert/strict";
import { isSafe, mayFollow, send } from "./request.ts";
import { bound, everythingIn, serve } from "./testdata/stage.ts";

const url = (text: string) => new URL(text);

Deno.test("isSafe() allows HTTPS, and plain HTTP on this machine only", () => {
  const safe = ["https://h/", "http://localhost/", "http://127.8.0.1:9/", "http://[::1]/"];
  const unsafe = ["http://h/", "http://10.0.0.1/", "http://localhost.h/", "ftp://localhost/"];
  for (const it of safe) assert.ok(isSafe(url(it)), it);
  for (const it of [...unsafe, "file:///a", "data:,"]) assert.ok(!isSafe(url(it)), it);
});

Deno.test("mayFollow() never leads from the network to plain HTTP", () => {
  assert.ok(mayFollow(url("https://a/"), url("https://b/")));
  assert.ok(mayFollow(url("http://localhost/"), url("http://127.0.0.1/")));
  assert.ok(mayFollow(url("http://localhost/"), url("https://b/")));
  assert.ok(!mayFollow(url("https://a/"), url("http://localhost/")));
  assert.ok(!mayFollow(url("https://a/"), url("http://a/")));
  assert.ok(!mayFollow(url("http://localhost/"), url("http://b/")));
  assert.ok(!mayFollow(url("https://a/"), url("data:,x")));
});

Deno.test("send() follows redirects without giving credentials to another port", async () => {
  const seen: (string | null)[] = [];
  const note = (request: Request) => seen.push(request.headers.get("authorization"));
  await using other = serve((request) => (note(request), new Response("here")));
  await using first = serve((request) => {
    note(request);
    return Response.redirect(
      request.url.endsWith("/a") ? new URL("/b", request.url) : `${other.origin}/c`,
      302,
    );
  });
  const { response, url } = await send(new URL(`${first.origin}/a`), {
    authorization: "Basic c2VjcmV0",
    signal: bound(),
  });
  assert.equal(await response.text(), "here");
  assert.equal(url.href, `${other.origin}/c`);
  assert.deepEqual(seen, ["Basic c2VjcmV0", "Basic c2VjcmV0", null]);
});

Deno.test("send() gives up redirects without end, to plain HTTP, and to nowhere", async () => {
  let asked = 0;
  let location = "/again";
  await using server = serve(() => {
    asked++;
    return new Response(null, { status: 302, headers: { location } });
  });
  const ask = () => send(new URL(`${server.origin}/?q=SECRET`), { signal: bound() });
  await assert.rejects(ask(), { code: "unreachable", message: /more than 5 redirects/ });
  assert.equal(asked, 6);
  location = "http://example.com/x?SECRET";
  await assert.rejects(ask(), {
    code: "unreachable",
    message: /redirects to http:\/\/example\.com, which is not followed/,
  });
  location = "http://";
  await assert.rejects(ask(), { code: "unreachable", message: /redirects to no URL/ });
});

Deno.test("send() says why a server cannot be reached, without what is secret in the URL", async () => {
  const server = serve(() => new Response());
  await server.stop();
  const error = await send(new URL(`${server.origin}/a?q=SECRET`), { signal: bound() })
    .catch((error) => error);
  assert.equal(error.code, "unreachable");
  assert.match(error.message, /^http:\/\/127\.0\.0\.1:\d+\/a: .*refused/);
  assert.doesNotMatch(everythingIn(error), /SECRET/);
});
