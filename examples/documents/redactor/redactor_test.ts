import assert from "node:assert/strict";
import { buildAssemblyScript, loadPlugin, type Plugin } from "@asya/plugins";

const MiB = 1024 * 1024;
const limits = {
  timeoutMs: 1_000,
  startMs: 10_000,
  memoryBytes: 16 * MiB,
  kernelBytes: 16 * MiB,
  moduleBytes: MiB,
  outputBytes: 8 * MiB,
};

let module: Promise<Uint8Array> | undefined;

async function withRedactor(use: (redact: (json: string) => Promise<string>) => Promise<void>) {
  module ??= buildAssemblyScript(new URL("assembly/index.ts", import.meta.url));
  const plugin: Plugin = await loadPlugin({
    module: await module,
    functionName: "handle",
    config: {},
    workers: 1,
    level: "worker",
    allowedHosts: [],
    stateBytes: 0,
    limits,
  });
  const call = async (json: string) => {
    const output = await plugin.call({ input: new TextEncoder().encode(json), context: {} });
    return new TextDecoder().decode(output);
  };
  try {
    await use(call);
  } finally {
    await plugin.close();
  }
}

const KEY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";

/** Texts with what is left of them. */
const REPLACED: Record<string, string> = {
  "ana.ruiz@example.com": "[e-mail]",
  "Ana (ana+work@mail.example.co.uk), Tom <tom@x.org>.": "Ana ([e-mail]), Tom <[e-mail]>.",
  "jürgen@müller.example, иван@пример.рф": "[e-mail], [e-mail]",
  "see…bob@example.com... mailto:bob@example.com": "see…[e-mail]... mailto:[e-mail]",
  "“bob@example.com” a@b.cd@e.fg": "“[e-mail]” [e-mail]@e.fg",
  "+44 20 7946 0958": "[phone]",
  "call +1 (415) 555-0131, or 555-123-4567.": "call [phone], or [phone].",
  "(555) 123-4567 | 1 555 123 4567 | 555.123.4567": "[phone] | [phone] | [phone]",
  "030 555 0199, (0171) 1234567, 01 23 45 67 89": "[phone], [phone], [phone]",
  "2026-01-15 555-123-4567": "2026-01-15 [phone]",
  "+49\u00a030\u00a05550\u00a00142, 0044 20 7946 0958": "[phone], [phone]",
  "AKIAIOSFODNN7EXAMPLE": "[key]",
  "`sk-live-51Hq8Zt2mXv0aPeLr7cYwBn4`": "`[key]`",
  "ghp_16C7e42F292c6912E7710c838347Ae178B4a!": "[key]!",
  [`token: ${KEY}; api_key="${KEY}" SECRET=${KEY}`]: 'token: [key]; api_key="[key]" SECRET=[key]',
  "Key = abc+/def0123456789abc+/def0123456789==.": "Key = [key].",
};

const KEPT = [
  "no secrets",
  "a@b, @example.com, x@y.1, bob@example, @, a@.com",
  "2026-01-15 10:30, 15.01.2026 10:30, 1 000 000 000, 40,000, 12.50",
  "192.168.100.200, 10.0.0.1, v1.2.3, 1234567890, 4111 1111 1111 1111",
  `commit ${KEY}`,
  "sk-learn-compatible-models, key: short123, monkey, keyboard=abc",
  "Überprüfung 検査 🎉 \u0000 \u2028",
  "",
];

Deno.test("handle() replaces addresses, numbers and keys in title and text", () =>
  withRedactor(async (redact) => {
    for (const [text, expected] of Object.entries(REPLACED)) {
      const { title, text: redacted } = JSON.parse(
        await redact(JSON.stringify({ title: text, text })),
      );
      assert.equal(redacted, expected);
      assert.equal(title, expected);
    }
  }));

Deno.test("handle() leaves dates, amounts, addresses of machines and ordinary words alone", () =>
  withRedactor(async (redact) => {
    for (const text of KEPT) {
      assert.equal(JSON.parse(await redact(JSON.stringify({ text }))).text, text);
    }
  }));

Deno.test("handle() copies all else byte for byte, and counts", () =>
  withRedactor(async (redact) => {
    const json = `{"doc": "a@b.example","section":9007199254740993,"n":[1e400,-0,{"text":"a@b.cd"}],
      "title" : "\\ud83c\\udf89 \\u0041\\/ \\"a@b.cd\\"", "text":"x\\n\\u002b1 415 555 0131\\\\","redactions":"old"}`;
    const expected =
      `{"doc": "a@b.example","section":9007199254740993,"n":[1e400,-0,{"text":"a@b.cd"}],` +
      `"title" : "\\ud83c\\udf89 \\u0041\\/ \\"[e-mail]\\"","text":"x\\n[phone]\\\\",` +
      `"redactions":{"email":1,"phone":1,"key":0}}`;
    assert.equal(await redact(json), expected);
  }));

Deno.test("handle() finds what is written in escapes, and members named in them", () =>
  withRedactor(async (redact) => {
    const json = `{"te\\u0078t":"\\u0061\\u0040b.c\\u006f\\u006d, \\u00fcmit@b.de","title":null}`;
    const expected = `{"te\\u0078t":"[e-mail], [e-mail]","title":null,` +
      `"redactions":{"email":2,"phone":0,"key":0}}`;
    assert.equal(await redact(json), expected);
  }));

Deno.test("handle() takes an empty object, and refuses what is none", () =>
  withRedactor(async (redact) => {
    assert.equal(await redact(" { } "), '{"redactions":{"email":0,"phone":0,"key":0}}');
    for (const json of ["[]", '"text"', "7"]) {
      await assert.rejects(redact(json), { code: "guest_error", type: "TypeError" });
    }
  }));

Deno.test("handle() takes time in proportion to the text, whatever it holds", () =>
  withRedactor(async (redact) => {
    for (
      const piece of ["a@", "a.b@c.", "key=", "key:a+", "1 ", "+1-", "sk-", "\\", "a", "\u0001"]
    ) {
      // Within the limit of a second; what is quadratic takes minutes.
      const text = piece.repeat(Math.ceil(250_000 / piece.length));
      await redact(JSON.stringify({ text }));
    }
  }));

Deno.test("handle() is small", async () => {
  assert((await module!).length < 20_000);
});
