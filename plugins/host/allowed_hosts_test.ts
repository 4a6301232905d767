import assert from "node:assert/strict";
import { PluginError } from "../plugin.ts";
import { AllowedHosts, InvalidAllowedHosts, parseAllowedHosts } from "./allowed_hosts.ts";

function refusal(act: () => unknown): PluginError | undefined {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof PluginError, String(error));
    return error;
  }
}

const allows = (allowed: AllowedHosts, url: string) => refusal(() => allowed.target(url))?.code;

Deno.test("parseAllowedHosts() names every bad entry", () => {
  const bad = {
    "": "none of host",
    "*": "none of host",
    "http://a.com": "none of host",
    "a.com/path": "none of host",
    "user@a.com": "none of host",
    "a.*.com": "none of host",
    "a.com:": "none of host",
    "a b.com": "none of host",
    "public:a.com": "none of host",
    "::1": "none of host",
    "[::g]": "none of host",
    "[1:2]": "no valid host",
    "1.2.3.256": "no valid host",
    "a.com:0": "no valid port",
    "a.com:65536": "no valid port",
    "*.1.2.3.4": "nothing below an address",
    "8.8.010.8": "did you mean 8.8.8.8?",
    "134744072": "did you mean 8.8.8.8?",
    "10.0.0.1:80": 'write "private:10.0.0.1:80"',
    "[::1]": 'write "private:[::1]"',
    "169.254.169.254": 'write "private:169.254.169.254"',
  };
  const list = ["good.com", ...Object.keys(bad), "*.good.com:1"];
  assert.throws(() => parseAllowedHosts(list), (error) => {
    assert.ok(error instanceof InvalidAllowedHosts);
    assert.equal(error.code, "invalid_allowed_hosts");
    assert.equal(error.problems.length, Object.keys(bad).length, error.problems.join("\n"));
    for (const [i, [entry, what]] of Object.entries(bad).entries()) {
      assert.ok(error.problems[i]!.startsWith(JSON.stringify(entry)), error.problems[i]);
      assert.ok(error.problems[i]!.includes(what), error.problems[i]);
    }
    return true;
  });
});

Deno.test("AllowedHosts.target() allows an entry's host on its port, else on the scheme's own", () => {
  const allowed = parseAllowedHosts(["a.com", "b.com:8080", "*.c.com", "*.d.com:1", "8.8.8.8"]);
  for (
    const url of `http://a.com https://a.com/x?y http://a.com:80 https://a.com:443
      http://b.com:8080 https://b.com:8080 https://x.c.com http://x.y.c.com https://x.d.com:1
      http://8.8.8.8`.split(/\s+/)
  ) assert.equal(allows(allowed, url), undefined, url);
  for (
    const url of `http://a.com:443 https://a.com:80 https://x.a.com https://a.com.evil.com
      http://b.com https://b.com:443 https://c.com https://xc.com https://x.d.com https://8.8.4.4
      ftp://a.com file:///etc/passwd data:,x http://u:p@a.com https://u@a.com http://a.com@evil.com
      http://evil.com#a.com http://evil.com?a.com http://evil.com\\@a.com`.split(/\s+/)
  ) assert.equal(allows(allowed, url), "denied", url);
});

Deno.test("AllowedHosts.target() compares hosts as the URL standard reads them", () => {
  const allowed = parseAllowedHosts([
    "München.example",
    "Upper.COM.",
    "private:127.0.0.1",
    "private:[::1]:81",
    "*.example.org.",
  ]);
  for (
    const [url, host] of Object.entries({
      "https://xn--mnchen-3ya.example": "xn--mnchen-3ya.example",
      "https://MÜNCHEN.example./": "xn--mnchen-3ya.example",
      "https://upper.com": "upper.com",
      "https://ｕpper。com": "upper.com",
      "http://2130706433": "127.0.0.1",
      "http://0177.0.0.1": "127.0.0.1",
      "http://0x7f.1.": "127.0.0.1",
      "http://[0:0::1]:81": "::1",
      "https://A.example.ORG.": "a.example.org",
    })
  ) assert.equal(allowed.target(url).host, host, url);
  assert.deepEqual(allowed.target("http://[::1]:81/a%20b?c=d#e"), {
    secure: false,
    host: "::1",
    port: 81,
    path: "/a%20b?c=d",
    authority: "[::1]:81",
    private: true,
  });
});

Deno.test("AllowedHosts.target() says which host to allow, and nothing of what was asked of it", () => {
  const error = refusal(() => parseAllowedHosts([]).target("https://api.com:444/?key=secret"));
  assert.match(
    error!.message,
    /https to api\.com:444 is not allowed: add "api\.com:444" to .*allowedHosts/,
  );
  assert.doesNotMatch(error!.message, /secret/);
  const login = refusal(() => parseAllowedHosts(["a.com"]).target("https://me:secret@a.com"));
  assert.match(login!.message, /credentials/);
  assert.doesNotMatch(login!.message, /secret/);
});

Deno.test("AllowedHosts.target() refuses what is not one clear URL", () => {
  const allowed = parseAllowedHosts(["a.com"]);
  for (
    const url of ["", "a.com", "http://", "http://a.com/\r\nx", "http://a\t.com", " http://a.com"]
  ) {
    const error = refusal(() => allowed.target(url));
    assert.equal(error?.code, "guest_error", url);
    assert.equal(error?.type, "HttpError");
  }
  assert.equal(allows(allowed, `http://a.com/${"x".repeat(9_000)}`), "host_limit");
});

Deno.test("AllowedHosts.checkAddress() wants public addresses, any with private:, never metadata", () => {
  const allowed = parseAllowedHosts(["a.com", "private:b.com", "*.c.com", "private:x.c.com"]);
  const check = (url: string, address: string) =>
    refusal(() => allowed.checkAddress(allowed.target(url), address));
  assert.equal(check("http://a.com", "8.8.8.8"), undefined);
  const refused = check("http://a.com", "10.1.2.3")!;
  assert.equal(refused.code, "denied");
  assert.match(
    refused.message,
    /a\.com \(10\.1\.2\.3\) is not a public .* "private:a\.com" in .*allowedHosts/,
  );
  assert.equal(check("http://a.com", "not an address")?.code, "denied");
  for (const address of ["8.8.8.8", "10.1.2.3", "::1", "::ffff:127.0.0.1", "fd00::1"]) {
    assert.equal(check("http://b.com", address), undefined, address);
    assert.equal(check("http://x.c.com", address), undefined, "one of two entries is private");
  }
  assert.equal(check("http://y.c.com", "10.1.2.3")?.code, "denied");
  for (const address of ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254"]) {
    const error = check("http://b.com", address);
    assert.equal(error?.code, "denied", address);
    assert.match(error.message, /metadata service: list its address itself/);
  }
});

Deno.test("AllowedHosts.checkAddress() lets metadata pass where its address itself is listed", () => {
  const allowed = parseAllowedHosts([
    "private:169.254.169.254",
    "private:[fd00:ec2::254]",
    "private:meta.test",
    "open.test",
  ]);
  const pass = (url: string, address: string) =>
    refusal(() => allowed.checkAddress(allowed.target(url), address)) === undefined;
  assert.ok(pass("http://169.254.169.254", "169.254.169.254"));
  assert.ok(pass("http://meta.test", "169.254.169.254"));
  assert.ok(pass("http://[fd00:ec2::254]", "fd00:ec2::254"));
  assert.ok(pass("http://meta.test", "fd00:0ec2::0254"), "in another form");
  assert.ok(!pass("http://meta.test", "169.254.170.2"), "another one");
  assert.ok(!pass("http://open.test", "169.254.169.254"), "by a name that has to be public");
});
