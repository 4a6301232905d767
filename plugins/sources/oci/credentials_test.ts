import assert from "node:assert/strict";
import { join } from "node:path";
import { everythingIn, withFolder } from "../testdata/stage.ts";
import { findCredentials, readCredentials } from "./credentials.ts";

const auth = (text: string) => new TextEncoder().encode(text).toBase64();

function find(auths: Record<string, unknown>, registry: string, repository = "team/plugin") {
  const found = findCredentials({ auths }, registry, repository);
  return found && new TextDecoder().decode(Uint8Array.fromBase64(found.replace("Basic ", "")));
}

Deno.test("findCredentials() finds a registry by its key in every writing", () => {
  const keys = ["r.example", "https://r.example", "http://r.example/", "https://r.example/v2/"];
  for (const key of [...keys, "r.example/v1", "r.example/team", "r.example/team/plugin"]) {
    assert.equal(find({ [key]: { auth: auth("u:p:q") } }, "r.example"), "u:p:q", key);
  }
  for (const key of ["example", "r.example:5000", "x.r.example", "r.example/tea", "r.example/a"]) {
    assert.equal(find({ [key]: { auth: auth("u:p") } }, "r.example"), undefined, key);
  }
  assert.equal(find({ "r.example:5000": { auth: auth("u:p") } }, "r.example:5000"), "u:p");
});

Deno.test("findCredentials() prefers the longest path, and takes user and password too", () => {
  const auths = {
    "r.example/team": { username: "tëam", password: "p" },
    "r.example": { auth: auth("all:p") },
    "r.example/team/plugin/x": { auth: auth("x:p") },
  };
  assert.equal(find(auths, "r.example"), "tëam:p");
  assert.equal(find(auths, "r.example", "other"), "all:p");
  assert.equal(find(auths, "r.example", "teams/plugin"), "all:p");
});

Deno.test("findCredentials() knows Docker Hub by its old name", () => {
  const auths = { "https://index.docker.io/v1/": { auth: auth("u:p") } };
  for (const registry of ["docker.io", "registry-1.docker.io"]) {
    assert.equal(find(auths, registry), "u:p");
  }
});

Deno.test("findCredentials() finds nothing in other documents", () => {
  for (const config of [undefined, null, [], "x", {}, { auths: null }, { auths: { h: 1 } }]) {
    assert.equal(findCredentials(config, "h", "a"), undefined);
  }
  for (const entry of [{}, { auth: "" }, { auth: "a\r\nb: c" }, { username: "u" }, null]) {
    assert.equal(findCredentials({ auths: { h: entry } }, "h", "a"), undefined);
  }
});

Deno.test("readCredentials() says what is wrong with a pull secret, and shows nothing of it", () =>
  withFolder(async (folder) => {
    const path = join(folder, ".dockerconfigjson");
    await assert.rejects(readCredentials(path, "h", "a"), {
      code: "unauthorized",
      message: `the pull secret ${path} cannot be read; is it mounted?`,
    });
    await Deno.writeTextFile(path, '{"auths":{"h":{"auth":"SECRET');
    await assert.rejects(readCredentials(path, "h", "a"), (error) => {
      assert.match(String(error), /is not the JSON of a docker config/);
      assert.doesNotMatch(everythingIn(error), /SECRET/);
      return true;
    });
    await Deno.writeTextFile(path, JSON.stringify({ auths: { h: { auth: auth("u:p") } } }));
    assert.equal(await readCredentials(path, "h", "a"), `Basic ${auth("u:p")}`);
  }));
