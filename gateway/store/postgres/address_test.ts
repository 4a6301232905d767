import assert from "node:assert/strict";
import { parseDatabaseUrl } from "./address.ts";

Deno.test("parseDatabaseUrl() reads what libpq reads", () => {
  assert.deepEqual(parseDatabaseUrl("postgres://me:secret@db.example:6543/asya"), {
    host: "db.example",
    port: 6543,
    user: "me",
    password: "secret",
    database: "asya",
    sslMode: "prefer",
    applicationName: "asya-gateway",
  });
  const more = parseDatabaseUrl(
    "postgresql://me@[::1]?sslmode=verify-full&sslrootcert=/ca.pem&application_name=x",
  );
  assert.deepEqual(more, {
    host: "::1",
    port: 5432,
    user: "me",
    password: "",
    database: "me",
    sslMode: "verify-full",
    sslRootCert: "/ca.pem",
    applicationName: "x",
  });
});

Deno.test("parseDatabaseUrl() takes this machine where no host is named", () => {
  assert.equal(parseDatabaseUrl("postgres://me:x@/asya").host, "localhost");
});

Deno.test("parseDatabaseUrl() takes any character, percent-encoded", () => {
  for (const secret of ["p@ss/w:rd#?%&= +\"'\\", "käse 🧀", "%41", "[::1]"]) {
    const part = encodeURIComponent(secret);
    const read = parseDatabaseUrl(`postgres://${part}:${part}@h/${part}`);
    assert.deepEqual([read.user, read.password, read.database], [secret, secret, secret]);
  }
});

Deno.test("parseDatabaseUrl() knows the folder of a Unix socket", () => {
  for (const url of ["postgres://me@%2Frun%2Fpg/db", "postgres://me@/db?host=/run/pg"]) {
    const { host, sslMode, database } = parseDatabaseUrl(url);
    assert.deepEqual({ host, sslMode, database }, {
      host: "/run/pg",
      sslMode: "disable",
      database: "db",
    });
  }
});

Deno.test("parseDatabaseUrl() says what is wrong, and never the password", () => {
  const wrong: [string, RegExp][] = [
    ["hunter2", /expected postgres:/],
    ["mysql://me:hunter2@h/d", /expected postgres:/],
    ["postgres://me:hunter2/x@h/d", /percent-encoded/],
    ["postgres://me:hunter2#x@h/d", /percent-encoded/],
    ["postgres://me:12/hunter2@h/d", /percent-encoded/],
    ["postgres://me:hunter2%zz@h/d", /written %25/],
    ["postgres://me:hunter2@/x@h/d", /percent-encoded/],
    ["postgres://h/d", /no user/],
    ["postgres://me:hunter2@a,b/d", /several hosts/],
    ["postgres://me:hunter2@h/d?sslmode=perhaps", /sslmode is one of/],
    ["postgres://me:hunter2@h/d?sslMode=require", /unknown parameter sslMode; known: host/],
    ["postgres://me:hunter2@h/d?options=-c", /unknown parameter options/],
    ["postgres://me:hunter2@h/d?sslmode=require&sslmode=disable", /at most once/],
  ];
  for (const [url, problem] of wrong) {
    assert.throws(() => parseDatabaseUrl(url), (error: Error) => {
      assert.match(error.message, problem, url);
      assert.ok(!Deno.inspect(error).includes("hunter2"), Deno.inspect(error));
      return true;
    });
  }
});
