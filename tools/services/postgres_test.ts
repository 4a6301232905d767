import assert from "node:assert/strict";
import postgres from "postgres";
import { findPostgres } from "./find_postgres.ts";
import { PostgresError, startPostgres } from "./postgres.ts";
import { descendants, processes, untilGone } from "./processes.ts";
import { ServiceUnavailable } from "./unavailable.ts";

const found = await findPostgres();
const ignore = typeof found === "string" || found.kind !== "installed" ||
  Deno.build.os !== "linux";
const why = ignore ? " (needs Linux and an installed PostgreSQL)" : "";

/** Runs statements on a connection of their own. */
async function ask(url: string, ...statements: string[]): Promise<unknown[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    let rows: unknown[] = [];
    for (const statement of statements) rows = await sql.unsafe(statement).values();
    return rows.flat();
  } finally {
    await sql.end();
  }
}

Deno.test(
  { name: `startPostgres() gives a server to kill, stop, start${why}`, ignore },
  async () => {
    const server = await startPostgres({ conf: ["work_mem = 5MB"] });
    const dir = String(await ask(server.url, "SHOW data_directory"));
    const pid = server.pid!;
    try {
      assert.deepEqual(await ask(server.url, "SHOW work_mem"), ["5MB"]);
      assert.deepEqual(await ask(server.url, "SHOW fsync"), ["on"]);
      const told = processes().filter((one) => one.arguments.includes(server.password));
      assert.deepEqual(told, [], "no process shows its password");
      await assert.rejects(ask(server.url.replace(server.password, "wrong"), "SELECT 1"));

      await ask(server.url, "CREATE TABLE t (n integer)", "INSERT INTO t VALUES (1)");
      await server.kill();
      await untilGone([pid]);
      assert.equal(server.pid, undefined);
      await server.start();
      await ask(server.url, "INSERT INTO t VALUES (2)");
      await server.crash();
      await ask(server.url, "INSERT INTO t VALUES (3)");
      await server.stop();
      await server.start();
      await assert.rejects(server.start(), PostgresError);
      assert.deepEqual(await ask(server.url, "SELECT n FROM t ORDER BY n"), [1, 2, 3]);
    } finally {
      await server[Symbol.asyncDispose]();
    }
    await assert.rejects(Deno.stat(dir), Deno.errors.NotFound);
    await assert.rejects(ask(server.url, "SELECT 1"));
  },
);

Deno.test({ name: `startPostgres() says why a server does not start${why}`, ignore }, async () => {
  await assert.rejects(startPostgres({ conf: ["no_such_setting = 1"] }), (error) => {
    assert.ok(error instanceof PostgresError);
    assert.match(error.message, /did not start: it ended with code 1[^]*no_such_setting/);
    return true;
  });
});

Deno.test("startPostgres() says that there is none", async () => {
  await assert.rejects(startPostgres({}, () => Promise.resolve("no PostgreSQL: no Docker")), {
    name: ServiceUnavailable.name,
    message: "no PostgreSQL: no Docker",
  });
});

const HOLDER = `
const { startPostgres } = await import(Deno.args[0]);
const server = await startPostgres();
console.log(server.pid, server.url);
await new Promise((resolve) => setTimeout(resolve, 60_000));
`;

Deno.test(
  { name: `startPostgres() leaves no process when its holder is killed${why}`, ignore },
  async () => {
    const module = new URL("./postgres.ts", import.meta.url).href;
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(file, HOLDER);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", file, module],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const [pid, url] = ((await reader.read()).value ?? "").trim().split(" ");
    const dir = String(await ask(url!, "SHOW data_directory"));
    const all = [Number(pid), ...descendants(child.pid).map((one) => one.pid)];
    assert.ok(all.length > 5);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    await untilGone(all);
    await Deno.remove(file);
    await Deno.remove(dir.replace(/\/data$/, ""), { recursive: true }); // all that is left of it
  },
);
