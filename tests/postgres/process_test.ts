import assert from "node:assert/strict";
import { openSqliteTransport } from "@asya/transport";
import { startPostgres } from "../../tools/services/postgres.ts";
import { startModule } from "../../gateway/testing/process.ts";
import { test, until } from "./setup.ts";

const TOOLS = `tools:
  - { name: echo, parameters: { text: { type: string } }, route: [prep], timeout: 60 }
`;

/** What must not count: every variable that libpq or postgres.js would read. */
const MISLEADING = {
  PGHOST: "192.0.2.1",
  PGPORT: "1",
  PGUSER: "nobody",
  PGUSERNAME: "nobody",
  PGPASSWORD: "wrong",
  PGDATABASE: "nowhere",
  PGSSL: "verify-full",
  PGSSLMODE: "verify-full",
  PGMAX: "0",
  PGTARGET_SESSION_ATTRS: "standby",
  PGTARGETSESSIONATTRS: "standby",
  PGSSLNEGOTIATION: "direct",
  PGIDLE_TIMEOUT: "0.001",
  PGMAX_LIFETIME: "0.001",
  PGCONNECT_TIMEOUT: "0.001",
  PGAPPNAME: "somebody else",
  PGOPTIONS: "-c default_transaction_read_only=on",
};

function call(url: string): Promise<Response> {
  const body = JSON.stringify({ name: "echo", arguments: { text: "hi" } });
  return fetch(`${url}/tools/call`, { method: "POST", body });
}

test("main.ts serves 503 until its database is there, whatever PG* says", async () => {
  await using server = await startPostgres();
  await server.stop();
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/tools.yaml`, TOOLS);
  const env = {
    ...MISLEADING,
    ASYA_TRANSPORT: "sqlite",
    ASYA_SQLITE_PATH: `${folder}/queue.sqlite`,
    ASYA_GATEWAY_HOST: "127.0.0.1",
    ASYA_GATEWAY_PORT: "0",
    ASYA_CONFIG_PATH: `${folder}/tools.yaml`,
    ASYA_DATABASE_URL: server.url,
  };
  const transport = openSqliteTransport({ path: `${folder}/queue.sqlite` });
  await transport.queue("prep").declare("prep");
  await transport.close();
  const main = "../main.ts";
  {
    await using one = await startModule(main, { env });
    await one.line(/waiting for the database/);
    const refused = await call(one.url);
    await refused.body?.cancel();
    assert.equal(refused.status, 503);
    assert.ok(refused.headers.has("retry-after"));
    await server.start();
    await one.line(/the database is prepared/);
    await using two = await startModule(main, { env });
    const answer = await (await call(one.url)).json();
    const { envelope_id: id } = JSON.parse(answer.content[0].text);
    const stateAt = async (url: string) =>
      (await (await fetch(`${url}/envelopes/${id}`)).json()).status;
    await until("it is on its queue", async () => await stateAt(two.url) === "running");
    const stream = await fetch(`${two.url}/envelopes/${id}/stream`);
    const report = { id, status: "succeeded", result: { n: 1 } };
    const final = await fetch(`${one.url}/envelopes/${id}/final`, {
      method: "POST",
      body: JSON.stringify(report),
    });
    await final.body?.cancel();
    assert.equal(final.status, 200);
    assert.match(await stream.text(), /"status":"succeeded"/); // reported to the other one
    assert.equal(await one.stop("SIGTERM"), 0);
    assert.equal(await two.stop("SIGTERM"), 0);
  }
  await Deno.remove(folder, { recursive: true });
});
