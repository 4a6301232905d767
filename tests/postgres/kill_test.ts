import assert from "node:assert/strict";
import { startPostgres } from "../../tools/services/postgres.ts";
import { call, openStore, test, until } from "./setup.ts";

const KILLS = 6;

/** Runs a writer until it has said so many lines, and kills it; the lines. */
async function killedAfter(lines: number, env: Record<string, string>): Promise<string[]> {
  const module = new URL("./writer.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", module],
    env,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split("\n").length > lines) child.kill("SIGKILL"); // again is no harm
  }
  await child.status;
  return text.split("\n").filter(Boolean);
}

test("openPostgresStore() keeps what it said was stored when its process is killed", async () => {
  await using server = await startPostgres();
  const said: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const env = { STORE_URL: server.url, STORE_PREFIX: `k${kill}` };
    said.push(...await killedAfter(20 + Math.floor(Math.random() * 300), env));
  }
  assert.ok(said.length > KILLS * 20);
  await using opened = await openStore(server.url);
  const { store } = opened;
  for (const line of said) {
    const [what, id] = line.split(" ");
    const found = await store.get(id!);
    assert.ok(found, line);
    assert.equal(found.payload, `{"n": ${id!.split("-")[2]}}`);
    const updates = await store.updates(id!, 0, 10);
    if (what === "published") assert.equal(found.record.publishAfter, undefined, line);
    if (what === "finished") {
      assert.deepEqual([found.record.state, found.result], ["succeeded", "1"], line);
      assert.deepEqual(updates.map(({ final }) => final), [false, true]);
    }
  }
  // What it had in hand and not published is taken up when its claim ends, and not before.
  assert.deepEqual(await store.claimUnpublished({ now: 4_999, until: 9_000, limit: 99 }), []);
  const left = await store.claimUnpublished({ now: 5_000, until: 9_000, limit: 99 });
  const taken = new Set(left.map(({ record }) => record.id));
  const of = (what: string) =>
    said.filter((line) => line.startsWith(what)).map((line) => line.slice(what.length));
  assert.deepEqual(of("published ").filter((id) => taken.has(id)), []);
  const lost: string[] = [];
  for (const id of of("created ")) {
    const waits = (await store.head(id))?.publishAfter !== undefined;
    if (waits !== taken.has(id)) lost.push(id);
  }
  assert.deepEqual(lost, []);
});

test("openPostgresStore() survives a server that crashes under load", async () => {
  await using server = await startPostgres();
  await using one = await openStore(server.url);
  await using two = await openStore(server.url);
  const stored: string[] = [];
  let over = false;
  const writers = [one, two, one, two].map(async ({ store }, writer) => {
    for (let n = 0; !over; n++) {
      const id = `${writer}-${n}`;
      try {
        await store.create(call(id), "1");
        stored.push(id);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "store_unavailable", String(error));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  });
  for (let round = 0; round < 3; round++) {
    const before = stored.length;
    await until("it works", () => stored.length > before + 50);
    if (round < 2) await server.crash();
  }
  over = true;
  await Promise.all(writers);
  for (const id of stored) assert.ok(await one.store.head(id), id);
});
