/**
 * Adds envelopes and changes them until it is killed, and says what is stored: for a test that kills
 * it between any two steps. The database is in `STORE_URL`, what ids begin with in `STORE_PREFIX`.
 */

import { createLogger } from "@asya/telemetry";
import { newCall, published } from "../../gateway/envelopes/create.ts";
import { finished } from "../../gateway/envelopes/final.ts";
import { openPostgresStore } from "../../gateway/store/postgres.ts";

const WRITERS = 8;

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`)); // it counts once it is out
}

const store = await openPostgresStore(Deno.env.get("STORE_URL")!, {
  log: createLogger({ level: "error" }),
});
const prefix = Deno.env.get("STORE_PREFIX");

async function write(writer: number): Promise<void> {
  for (let n = 0;; n++) {
    const id = `${prefix}-${writer}-${n}`;
    const record = newCall({ id, actors: ["prep"], now: 1_000, publishAfter: 5_000 });
    if (!await store.create({ record }, `{"n": ${n}}`)) throw new Error(`${id} is there already`);
    say(`created ${id}`);
    await store.change(id, (found) => published(found, 2_000));
    say(`published ${id}`);
    await store.change(id, (found) => finished(found, { status: "succeeded", result: "1" }, 3_000));
    say(`finished ${id}`);
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
