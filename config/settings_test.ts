import assert from "node:assert/strict";
import { describeSettings, readSettings, setting, SettingsError } from "./settings.ts";

const TABLE = {
  actor: setting.text("ACTOR", { required: true, help: "its name" }),
  timeout: setting.duration("TIMEOUT", { fallback: "5m", help: "per call" }),
  size: setting.bytes("SIZE", { help: "largest body" }),
  level: setting.oneOf(["debug", "info"])("LEVEL", { fallback: "info", help: "of the log" }),
  enabled: setting.boolean("ENABLED", { fallback: "false", help: "on or off" }),
  password: setting.custom("text", (text) => {
    if (text.length < 8) throw new Error("expected 8 characters or more");
    return text;
  })("PASSWORD", { secret: true, help: "of the broker" }),
  region: setting.text("REGION", { aliases: ["OLD_REGION"], help: "where" }),
};

Deno.test("readSettings() takes defaults for what is unset or empty", () => {
  const values = readSettings(TABLE, { ACTOR: "prep", TIMEOUT: "" });
  assert.deepEqual({ ...values }, {
    actor: "prep",
    timeout: 300_000,
    level: "info",
    enabled: false,
  });
});

Deno.test("readSettings() lists every problem at once and shows no secret", () => {
  const env = {
    TIMEOUT: "soon",
    SIZE: "1 TB",
    LEVEL: "loud",
    ENABLED: "maybe",
    PASSWORD: "hunter2",
  };
  assert.throws(() => readSettings(TABLE, env), (error) => {
    assert.ok(error instanceof SettingsError);
    assert.equal(error.problems.length, 6);
    for (const name of ["ACTOR", "TIMEOUT", "SIZE", "LEVEL", "ENABLED", "PASSWORD"]) {
      assert.match(error.message, new RegExp(`- ${name}`));
    }
    assert.ok(!error.message.includes("hunter2"));
    return true;
  });
});

Deno.test("readSettings() reads a variable under its older name", () => {
  assert.equal(readSettings(TABLE, { ACTOR: "a", OLD_REGION: "eu-1" }).region, "eu-1");
});

for (
  const [text, expected] of [["true", true], ["1", true], ["YES", true], ["on", true], [
    "off",
    false,
  ], ["0", false]] as const
) {
  Deno.test(`setting.boolean() reads ${text} as ${expected}`, () => {
    assert.equal(readSettings(TABLE, { ACTOR: "a", ENABLED: text }).enabled, expected);
  });
}

for (
  const [text, expected] of [["65536", 65_536], ["64Ki", 65_536], ["256MiB", 268_435_456], [
    "1k",
    1_000,
  ], ["2GB", 2e9]] as const
) {
  Deno.test(`setting.bytes() reads ${text}`, () => {
    assert.equal(readSettings(TABLE, { ACTOR: "a", SIZE: text }).size, expected);
  });
}

Deno.test("setting.oneOf() reads upper case, as in ASYA_LOG_LEVEL=INFO", () => {
  assert.equal(readSettings(TABLE, { ACTOR: "a", LEVEL: "DEBUG" }).level, "debug");
});

Deno.test("describeSettings() makes a row a variable, with its default", () => {
  const text = describeSettings(TABLE);
  assert.match(text, /\| `TIMEOUT` \| duration \| `5m` \| per call \|/);
  assert.match(text, /\| `ACTOR` \| text \| \*\*required\*\* \|/);
  assert.match(text, /`REGION`, `OLD_REGION`/);
});

Deno.test("setting.address() reads host:port, an address in brackets, and a port for all", () => {
  const parse = (text: string) => setting.address("ADDR", { help: "" }).parse(text);
  assert.deepEqual(parse(":8080"), { hostname: "0.0.0.0", port: 8_080 });
  assert.deepEqual(parse("[::1]:0"), { hostname: "::1", port: 0 });
  for (const text of ["8080", ":65536", "a:b"]) {
    assert.throws(() => parse(text), /expected host:port/);
  }
});
