import assert from "node:assert/strict";
import { moduleSource } from "./open.ts";
import { SourceError } from "./source.ts";
import { capture, everythingIn } from "./testdata/stage.ts";

const { log } = capture();
const open = (reference: string, options: { sha256?: string; plainHttp?: boolean } = {}) =>
  moduleSource(reference, { maxBytes: 1_000, log, ...options });

Deno.test("moduleSource() knows by the reference whether a module can change", () => {
  const digest = "a".repeat(64);
  for (
    const reference of ["a.wasm", "/a.wasm", "https://h/a.wasm", "oci://h/a", "oci://h:5/a:1"]
  ) {
    assert.equal(open(reference).mutable, true, reference);
    assert.equal(open(reference, { sha256: digest }).mutable, false, reference);
  }
  assert.equal(open(`oci://h/a:1@sha256:${digest}`).mutable, false);
});

Deno.test("moduleSource() refuses references that cannot be a module's", () => {
  const refused: [string, RegExp][] = [
    ["ftp://h/a.wasm", /begins with file:, https: or oci:, not with ftp:/],
    ["http://example.com/a.wasm", /http:\/\/example\.com\/a\.wasm: plain HTTP .* use https/],
    ["http://127.0.0.1.example.com/a.wasm", /plain HTTP/],
    ["https://", /not valid/],
    ["https://100%:x@h/a", /%25/],
    ["file://elsewhere/a.wasm", /file:\/\/\/dir/],
    ["oci://h/UPPER", /not of the form/],
  ];
  for (const [reference, message] of refused) {
    assert.throws(() => open(reference), { name: "SourceError", code: "bad_reference", message });
  }
  assert.throws(() => open("a.wasm", { sha256: "abc" }), { code: "bad_reference", message: /64/ });
  const plainHttp = true;
  assert.throws(() => open("oci://registry.example/a", { plainHttp }), {
    code: "bad_reference",
    message: /on this machine only/,
  });
  for (const host of ["localhost:5", "127.0.0.1:5", "[::1]:5"]) {
    open(`oci://${host}/a`, { plainHttp });
  }
});

Deno.test("moduleSource() never shows the credentials of a reference", () => {
  const references = [
    "http://user:SECRET@example.com/a.wasm?SECRET",
    "https://user:SECRET@exa mple/",
    "oci://user:SECRET@registry.example/a",
    "oci://user:SEC@RET@registry.example/a@sha256:short",
    "ftp://user:SECRET@h/",
  ];
  for (const reference of references) {
    assert.throws(() => open(reference), (error) => {
      assert.ok(error instanceof SourceError);
      assert.doesNotMatch(everythingIn(error), /SECRET|SEC@/, reference);
      return true;
    });
  }
});
