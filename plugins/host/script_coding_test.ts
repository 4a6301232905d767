import assert from "node:assert/strict";
import { callGuest, scriptGuest } from "./testdata/script_guest.ts";

const SOURCE = `export default ([what, value, options]) => {
  try {
    if (what === "encode") return { is: [...new TextEncoder().encode(value)] };
    if (what === "decode") return { is: new TextDecoder("utf-8", options).decode(new Uint8Array(value)) };
    if (what === "btoa") return { is: btoa(value) };
    if (what === "atob") return { is: atob(value) };
  } catch { return { is: "refused" } }
}`;

type Ask = (what: string, value: unknown, options?: TextDecoderOptions) => unknown;

async function asker(): Promise<Ask> {
  const guest = await scriptGuest(SOURCE);
  return (...question) => JSON.parse(callGuest(guest, JSON.stringify(question))).is;
}

Deno.test("installCoding() encodes and decodes text as the platform does", async () => {
  const ask = await asker();
  for (
    const text of ["", "plain", "grüße", "検査", "🎉\u0000x", "\ufeffmark", "x".repeat(10_000)]
  ) {
    const bytes = [...new TextEncoder().encode(text)];
    assert.deepEqual(ask("encode", text), bytes);
    assert.equal(ask("decode", bytes), new TextDecoder().decode(new Uint8Array(bytes)));
  }
  const marked = [0xef, 0xbb, 0xbf, 0x61];
  assert.equal(ask("decode", marked, { ignoreBOM: true }), "\ufeffa");
});

Deno.test("installCoding() replaces what is not UTF-8 as the platform does, or refuses it", async () => {
  const ask = await asker();
  const heads = [
    0x41,
    0x80,
    0xbf,
    0xc0,
    0xc2,
    0xdf,
    0xe0,
    0xe1,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
  ];
  const seconds = [[], [0x41], [0x80], [0x8f], [0x90], [0x9f], [0xa0], [0xbf], [0xc2]];
  const rests = [[], [0x80], [0x80, 0x80], [0x80, 0x80, 0x80], [0x41, 0x80]];
  for (const head of heads) {
    for (const second of seconds) {
      for (const rest of rests) {
        const bytes = [head, ...second, ...rest];
        const expected = new TextDecoder().decode(new Uint8Array(bytes));
        assert.equal(ask("decode", bytes), expected, bytes.map((b) => b.toString(16)).join(" "));
        if (!expected.includes("\ufffd")) continue;
        assert.equal(ask("decode", bytes, { fatal: true }), "refused");
      }
    }
  }
});

Deno.test("installCoding() does base64 as the platform does", async () => {
  const ask = await asker();
  for (const text of ["", "a", "ab", "abc", "abcd", "\u00ff\u0000\u0080", "x".repeat(1_000)]) {
    assert.equal(ask("btoa", text), btoa(text));
    assert.equal(ask("atob", btoa(text)), text);
    assert.equal(ask("atob", btoa(text).replaceAll("=", "")), text);
  }
  assert.equal(ask("atob", " YW\nJj "), "abc");
  for (const damaged of ["a", "a===", "ab=c", "a-b_", "abc=="]) {
    assert.equal(ask("atob", damaged), "refused", damaged);
  }
  assert.equal(ask("btoa", "€"), "refused");
});
