import assert from "node:assert/strict";
import { join } from "node:path";
import { readSettings, SettingsError } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { openTransport } from "./open.ts";
import { TRANSPORT_SETTINGS, type TransportSettings } from "./settings.ts";

const log = createLogger({ level: "error" });

Deno.test("TRANSPORT_SETTINGS names the known transports when one is unknown", () => {
  assert.throws(
    () => readSettings(TRANSPORT_SETTINGS, { ASYA_TRANSPORT: "pigeon" }),
    (error) => error instanceof SettingsError && /ASYA_TRANSPORT.*sqlite/.test(error.message),
  );
});

Deno.test("TRANSPORT_SETTINGS refuses a prefix that no broker could use", () => {
  for (const prefix of ["a.b", "a/b", "-a", "a_", "ä", "a".repeat(33)]) {
    assert.throws(
      () =>
        readSettings(TRANSPORT_SETTINGS, { ASYA_TRANSPORT: "sqlite", ASYA_QUEUE_PREFIX: prefix }),
      /ASYA_QUEUE_PREFIX/,
      prefix,
    );
  }
});

Deno.test("openTransport() refuses an unknown name and lists the known ones", async () => {
  const settings = { transport: "pigeon", queueAutoCreate: false };
  await assert.rejects(
    openTransport(settings as unknown as TransportSettings, log),
    /unknown transport "pigeon"; known are: sqlite/,
  );
});

Deno.test("openTransport() says which variable sqlite needs", async () => {
  const settings = readSettings(TRANSPORT_SETTINGS, { ASYA_TRANSPORT: "sqlite" });
  await assert.rejects(openTransport(settings, log), /ASYA_SQLITE_PATH/);
});

Deno.test("openTransport() opens sqlite with prefix and limit; prefixes do not see each other", async () => {
  const folder = await Deno.makeTempDir({ prefix: "asya-" });
  const env = { ASYA_TRANSPORT: "sqlite", ASYA_SQLITE_PATH: join(folder, "queue.sqlite") };
  const open = (more: Record<string, string>) =>
    openTransport(readSettings(TRANSPORT_SETTINGS, { ...env, ...more }), log);
  const blue = await open({ ASYA_QUEUE_PREFIX: "blue", ASYA_MAX_MESSAGE_BYTES: "1Ki" });
  const green = await open({ ASYA_QUEUE_PREFIX: "green" });
  try {
    assert.equal(blue.name, "sqlite");
    const queue = blue.queue("prep");
    assert.equal(queue.maxMessageBytes, 1024);
    await queue.declare("prep");
    const [sent] = await queue.send([{ actor: "prep", body: new Uint8Array(1), messageId: "a" }]);
    assert.deepEqual(sent, { ok: true });
    await green.queue("prep").declare("prep");
    assert.equal((await blue.queue("prep").depth("prep")).ready, 1);
    assert.equal((await green.queue("prep").depth("prep")).ready, 0);
  } finally {
    await blue.close();
    await green.close();
    await Deno.remove(folder, { recursive: true });
  }
});
