import assert from "node:assert/strict";
import { answerUrl, needsUrls } from "./script_urls.ts";
import { callGuest, scriptGuest } from "./testdata/script_guest.ts";

const PARTS = "href origin protocol username password host hostname port pathname search hash";

/** What is computed the same in a guest and here. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "reads all parts": `[${
    [
      "https://user:pass@example.com:8443/a/b?x=1&y=%20z#top",
      "HTTPS://EXAMPLE.com/../a b/ü?ü=ü",
      "mailto:a@b.example",
      "file:///a/b",
      "http://[::1]:80/",
    ].map((url) => JSON.stringify(url))
  }].map((text) => { const url = new URL(text); return "${PARTS}".split(" ").map((p) => url[p]); })`,
  "resolves against a base":
    `["../x", "//other.example/y", "?q", "#h", ""].map((text) => new URL(text, "https://a.example/b/c?d").href)`,
  "refuses what is no URL":
    `["", "x", "http://", "http://a b/"].map((text) => { try { return new URL(text).href; } catch (e) { return e instanceof TypeError; } })`,
  "knows canParse and parse":
    `[URL.canParse("a:b"), URL.canParse("b"), URL.canParse("b", "a:/"), URL.parse("b"), URL.parse("c:d").href]`,
  "writes parts": `(() => { const url = new URL("https://a.example/");
    url.host = "b.example:81"; url.pathname = "/ü x"; url.search = "a=b c"; url.hash = "h";
    url.username = "me"; url.protocol = "http"; url.port = "99999";
    return [url.href, String(url), JSON.stringify({ url })]; })()`,
  "ignores a part that cannot be written, and refuses such a URL":
    `(() => { const url = new URL("https://a.example/"); url.host = ""; url.port = "x";
    try { url.href = "nothing"; } catch (e) { return [url.href, e.name]; } })()`,
  "keeps a URL and its query together":
    `(() => { const url = new URL("https://a.example/?a=1&b=2&a=3");
    const before = url.searchParams.getAll("a"); url.searchParams.append("c", "x y&z");
    const after = url.search; url.searchParams.delete("a"); const less = url.href;
    url.search = "?n=1"; return [before, after, less, [...url.searchParams], url.searchParams.get("b")]; })()`,
  "makes queries of everything":
    `[new URLSearchParams("?a=1&b=%C3%BC+x"), new URLSearchParams({ c: 1, d: "é" }),
    new URLSearchParams([["e", "f"], ["e", "g"]]), new URLSearchParams(new URLSearchParams("h=i")),
    new URLSearchParams()].map((q) => [String(q), q.size, [...q.keys()], [...q.values()], [...q]])`,
  "changes queries": `(() => { const q = new URLSearchParams("b=1&a=2&b=3&c=4");
    q.set("b", "5"); q.set("d", "6"); q.delete("c", "x"); const has = [q.has("a"), q.has("a", "3"), q.has("z")];
    q.sort(); const seen = []; q.forEach((value, name) => seen.push(name + value));
    return [String(q), has, seen, q.get("zz")]; })()`,
};

for (const [what, program] of Object.entries(PROGRAMS)) {
  Deno.test(`installUrls() ${what}, as the platform does`, async () => {
    const guest = await scriptGuest(`export default () => ${program}`);
    const expected = new Function(`return JSON.stringify(${program})`)();
    assert.equal(callGuest(guest, "null"), expected);
  });
}

Deno.test("installUrls() lets a script read URLs while it loads", async () => {
  const guest = await scriptGuest(
    `const { host } = new URL("https://a.example/x"); export default () => host;`,
  );
  assert.equal(callGuest(guest, "null"), '"a.example"');
});

Deno.test("installUrls() counts URLs as memory of the call", async () => {
  const guest = await scriptGuest(
    `export default () => { for (;;) new URL("https://a.example/" + "x".repeat(1000)); }`,
  );
  assert.throws(() => callGuest(guest, "null"), { code: "memory_limit" });
});

Deno.test("needsUrls() sees scripts that name them", () => {
  assert.equal(needsUrls("const url = new URL(x);"), true);
  assert.equal(needsUrls("new URLSearchParams()"), true);
  assert.equal(needsUrls("const CURL = 1, url = '';"), false);
});

Deno.test("answerUrl() refuses questions that ours never asks", () => {
  for (
    const question of [["set", "a:b", "origin", "x"], ["set", "a:b", "toString", "x"], ["x", "a:b"]]
  ) {
    assert.throws(() => answerUrl(JSON.stringify(question)), { code: "guest_error" });
  }
});
