import assert from "node:assert/strict";
import type { InDocker } from "./find.ts";
import { findPostgres, installed, places } from "./find_postgres.ts";

/** A folder with these files, empty. */
async function tree(...files: string[]) {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-find-" }));
  for (const file of files) {
    await Deno.mkdir(`${dir}/${file.slice(0, file.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeTextFile(`${dir}/${file}`, "");
  }
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("places() are those of PATH, then the versions of packages, newest first", async () => {
  await using found = await tree("9/bin/x", "15/bin/x", "postgresql@17/bin/x", "redis/bin/x");
  const { dir } = found;
  assert.deepEqual(await places("/mine:/usr/bin", [dir, "/nowhere"]), [
    "/mine",
    "/usr/bin",
    `${dir}/postgresql@17/bin`,
    `${dir}/15/bin`,
    `${dir}/9/bin`,
  ]);
});

Deno.test("installed() wants the server, not only its clients", async () => {
  await using found = await tree("clients/psql", "server/postgres", "server/initdb");
  const dirs = ["nowhere", "clients", "server"].map((name) => `${found.dir}/${name}`);
  assert.deepEqual(await installed(dirs), { kind: "installed", bin: `${found.dir}/server` });
  assert.equal(await installed(dirs.slice(0, 2)), "no PostgreSQL server is installed");
});

Deno.test("findPostgres() takes the first way that leads somewhere", async () => {
  const docker: InDocker = { kind: "docker", image: "x" };
  const way = (answer: string | InDocker) => () => Promise.resolve(answer);
  assert.equal(await findPostgres([way("not 1"), way(docker), way("not 3")]), docker);
  assert.equal(
    await findPostgres([way("not 1"), way("not 2")]),
    "no PostgreSQL: not 1; not 2",
  );
});
