import assert from "node:assert/strict";
import { startLocal } from "@asya/local";
import { openSqliteTransport } from "@asya/transport";
import { envelope, idsAt, project, put, pythonActor, resultAt, until } from "../project.ts";

const ENVELOPES = 2_000;
const KILLS = 5;

/** Away for a second at each start; one payload kills the process that handles it. */
const HANDLER = `import os, time
time.sleep(1)

def process(payload):
    if payload.get("fatal"):
        os._exit(9)
    return payload
`;

Deno.test(`a handler killed ${KILLS} times during ${ENVELOPES} envelopes costs no good one`, async () => {
  await using folder = await project({
    "actors.yaml": pythonActor("work", "handler.process"),
    "handler.py": HANDLER,
  });
  const { dir } = folder;
  const local = await startLocal({ dir, port: 0 });
  try {
    await local.ready();
    const transport = openSqliteTransport({ path: `${dir}/.asya/asya.db` });
    const good = Array.from(
      { length: ENVELOPES },
      (_, n) => envelope(`e-${n}`, ["work"], `{"n":${n}}`),
    );
    const fatal = envelope("fatal", ["work"], `{"fatal":true}`);
    await put(transport, [...good.slice(0, 1000), fatal, ...good.slice(1000)]);
    await transport.close();

    const done = async () => (await idsAt(dir, "happy-end")).size;
    for (let kill = 0; kill < KILLS; kill++) {
      const moment = Math.floor(ENVELOPES / (KILLS + 1) * (kill + Math.random()));
      await until(`${moment} results before kill ${kill + 1}`, async () => await done() >= moment);
      let pid: number | undefined;
      await until("the handler runs", () => (pid = local.actors()[0]?.pid) !== undefined);
      Deno.kill(pid!, "SIGKILL");
    }
    await until("every good envelope is done", async () => await done() >= ENVELOPES, 120_000);
    await until("the fatal one is given up", async () => (await idsAt(dir, "error-end")).size > 0);

    assert.deepEqual([...await idsAt(dir, "error-end")], ["fatal"]);
    assert.equal(await done(), ENVELOPES);
    const error = await resultAt(dir, "error-end", "fatal");
    const payload = JSON.parse(new TextDecoder().decode(error.payload));
    assert.equal(payload.error, "connection_error");
    assert.deepEqual(payload.original_payload, { fatal: true });
  } finally {
    await local.stop();
  }
});
