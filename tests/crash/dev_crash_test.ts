import assert from "node:assert/strict";
import { openSqliteTransport } from "@asya/transport";
import { envelope, idsAt, project, put, pythonActor, until } from "../project.ts";
import { startDev } from "./dev_process.ts";

const ENVELOPES = 2_000;
const KILLS = 10;
/** Every tenth envelope fans out into three. */
const FRAMES = ENVELOPES + 2 * ENVELOPES / 10;

const HANDLERS = `import os

def split(payload):
    n = payload["n"]
    return [dict(payload, part=part) for part in range(3)] if n % 10 == 0 else payload

def work(payload):
    return dict(payload, square=payload["n"] ** 2)

def note(envelope):
    """Leaves a line for every call, so that the test can count duplicates."""
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(envelope["id"] + "\\n")
    envelope["route"]["current"] += 1
    return envelope
`;

function expectedIds(): string[] {
  const ids: string[] = [];
  for (let n = 0; n < ENVELOPES; n++) {
    ids.push(`e-${n}`, ...n % 10 === 0 ? [`e-${n}-1`, `e-${n}-2`] : []);
  }
  return ids.sort();
}

Deno.test(`dev killed ${KILLS} times during ${ENVELOPES} envelopes loses none, and duplicates keep their ids`, async () => {
  await using folder = await project({
    "actors.yaml": pythonActor("split", "handlers.split") + pythonActor("work", "handlers.work") +
      pythonActor("note", "handlers.note", "", "envelope"),
    "handlers.py": HANDLERS,
  });
  const { dir } = folder;
  Deno.env.set("NOTES", `${dir}/notes.txt`);
  const finished = async () =>
    (await idsAt(dir, "happy-end")).size + (await idsAt(dir, "error-end")).size;

  let dev = await startDev(dir);
  const transport = openSqliteTransport({ path: `${dir}/.asya/asya.db` });
  const all = Array.from(
    { length: ENVELOPES },
    (_, n) => envelope(`e-${n}`, ["split", "work", "note"], `{"n":${n}}`),
  );
  await put(transport, all);
  await transport.close();

  for (let kill = 0; kill < KILLS; kill++) {
    // A moment inside the kill's own share of the work, so that each life does some.
    const share = FRAMES / (KILLS + 1);
    const moment = Math.floor(share * (kill + Math.random()));
    await until(
      `${moment} results before kill ${kill + 1}`,
      async () => await finished() >= moment,
    );
    await dev.kill9();
    dev = await startDev(dir);
  }
  await until("every envelope is at an end actor", async () => await finished() >= FRAMES, 120_000);
  assert.equal(await dev.stop(), 0);

  assert.deepEqual([...await idsAt(dir, "happy-end")].sort(), expectedIds());
  assert.equal((await idsAt(dir, "error-end")).size, 0);
  const notes = (await Deno.readTextFile(`${dir}/notes.txt`)).trim().split("\n");
  assert.deepEqual([...new Set(notes)].sort(), expectedIds());
  console.log(`${FRAMES} envelopes, lost 0, ${notes.length - FRAMES} duplicate calls`);
});
