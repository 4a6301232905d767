import assert from "node:assert/strict";
import { join } from "node:path";
import { createLogger } from "@asya/telemetry";
import { ConfigFile, ConfigFileError, parseConfig } from "./config_file.ts";

const GOOD = `
transports: { main: { type: rabbitmq, host: broker } }
sidecar: { image: asya-sidecar:1 }
`;

Deno.test("parseConfig() fills in the defaults", () => {
  const { transports, namespaces } = parseConfig(GOOD, "f");
  assert.deepEqual(namespaces, []);
  assert.equal(transports["main"]?.queues.autoCreate, true);
});

Deno.test("parseConfig() says where a configuration is wrong", () => {
  const text = GOOD.replace("host: broker", "host: '', port: 0");
  assert.throws(() => parseConfig(text, "f.yaml"), (error) => {
    assert.ok(error instanceof ConfigFileError);
    for (const part of [/f\.yaml/, /transports\.main\.host/, /transports\.main\.port/]) {
      assert.match(error.message, part);
    }
    return true;
  });
});

Deno.test("ConfigFile.look() takes a new configuration, and keeps the last good one", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "operator.yaml");
  const lines: string[] = [];
  const log = createLogger({ level: "info", write: (line) => lines.push(line) });
  try {
    await Deno.writeTextFile(path, GOOD);
    const file = await ConfigFile.open(path, log);
    assert.equal(await file.look(), false);
    await Deno.writeTextFile(path, GOOD.replace("sidecar:1", "sidecar:2"));
    assert.equal(await file.look(), true);
    assert.equal(file.config.sidecar.image, "asya-sidecar:2");
    await Deno.writeTextFile(path, "transports: 7");
    assert.equal(await file.look(), false);
    assert.equal(file.config.sidecar.image, "asya-sidecar:2");
    assert.match(lines.at(-1)!, /"level":"error".*last good one/);
    const told = lines.length;
    assert.equal(await file.look(), false);
    assert.equal(lines.length, told); // the same bad text is not told of again
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
