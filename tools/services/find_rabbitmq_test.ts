import assert from "node:assert/strict";
import { installArguments, noAptReason } from "./apt.ts";
import { findRabbitmq, installed, places } from "./find_rabbitmq.ts";

/** A folder with these files (empty) and links (to the given paths in it). */
async function tree(files: readonly string[], links: Readonly<Record<string, string>> = {}) {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "asya-find-" }));
  for (const file of [...files, ...Object.keys(links)]) {
    await Deno.mkdir(`${dir}/${file.slice(0, file.lastIndexOf("/"))}`, { recursive: true });
  }
  for (const file of files) await Deno.writeTextFile(`${dir}/${file}`, "");
  for (const [from, to] of Object.entries(links)) {
    await Deno.symlink(`${dir}/${to}`, `${dir}/${from}`);
  }
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

const HOME = ["opt/rabbit/sbin/rabbitmq-server", "opt/rabbit/plugins/rabbit-4.1.2/x"];
const ERLANG = ["bin/erl", "bin/epmd"];

Deno.test("installed() follows links home and passes by wrappers", async () => {
  await using found = await tree([...HOME, ...ERLANG, "lib/wrapper"], {
    "sbin/rabbitmq-server": "lib/wrapper",
    "lib/bin/rabbitmq-server": "opt/rabbit/sbin/rabbitmq-server",
  });
  const dirs = ["nowhere", "sbin", "lib/bin", "bin"].map((name) => `${found.dir}/${name}`);
  const { path, ...rest } = await installed(dirs, []) as { path: string };
  assert.deepEqual(rest, { kind: "installed", home: `${found.dir}/opt/rabbit`, version: "4.1.2" });
  assert.ok(path.split(":").includes(`${found.dir}/bin`));
});

Deno.test("installed() says that nothing is there", async () => {
  assert.equal(await installed(["/nowhere"], []), "no rabbitmq-server is installed");
});

Deno.test("installed() says what makes an installation unusable", async () => {
  await using found = await tree([...HOME, "lonely/rabbitmq-server"]);
  const lonely = `${found.dir}/lonely`;
  assert.match(`${await installed([lonely], [])}`, /lonely\/rabbitmq-server belongs to no/);
  const withoutErlang = await installed([`${found.dir}/opt/rabbit/sbin`], [], []);
  assert.match(`${withoutErlang}`, /RabbitMQ 4.1.2 is installed but Erlang's erl is not on PATH/);
});

Deno.test("findRabbitmq() takes the first way that leads somewhere", async () => {
  const tried: number[] = [];
  const way = (n: number, answer: string | { kind: "docker"; image: string }) => () => {
    tried.push(n);
    return Promise.resolve(answer);
  };
  const docker = { kind: "docker", image: "x" } as const;
  assert.equal(await findRabbitmq([way(1, "not 1"), way(2, docker), way(3, docker)]), docker);
  assert.deepEqual(tried, [1, 2]);
  const none = await findRabbitmq([way(1, "not 1"), way(2, "not 2")]);
  assert.equal(none, "no RabbitMQ: not 1; not 2");
});

Deno.test("places() are those of PATH, then those of packages", () => {
  const dirs = places("/mine:/usr/sbin");
  assert.deepEqual(dirs.slice(0, 2), ["/mine", "/usr/sbin"]);
  assert.ok(dirs.includes("/usr/lib/rabbitmq/bin"));
  assert.equal(new Set(dirs).size, dirs.length);
});

Deno.test("noAptReason() tells a machine without apt-get", async () => {
  assert.equal(await noAptReason("/nowhere"), "no apt-get here");
});

const noApt = Deno.build.os !== "linux" || await noAptReason() === "no apt-get here";
Deno.test({ name: "installArguments() are what apt-get understands", ignore: noApt }, async () => {
  const args = ["--simulate", ...installArguments("coreutils")];
  const { code, stderr } = await new Deno.Command("apt-get", { args }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});
