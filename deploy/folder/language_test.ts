import assert from "node:assert/strict";
import { comesAlong, languageOf } from "./language.ts";

Deno.test("languageOf() takes a path for JavaScript, and dotted names for Python", () => {
  for (const name of ["./a.ts:f", "a.mjs#f", "src/a.js"]) {
    assert.equal(languageOf(name), "javascript");
  }
  for (const name of ["a.f", "a.B.f", ""]) assert.equal(languageOf(name), "python");
});

Deno.test("comesAlong() takes the language's sources and data, but no other language and no key", () => {
  const names = ["w.py", "w.ts", "w.mjs", "w.txt", "deno.json", "w.pyc", "w.rs", "tls.key"];
  const of = (language: "python" | "javascript") =>
    names.filter((name) => comesAlong(name, language));
  assert.deepEqual(of("python"), ["w.py", "w.txt", "deno.json"]);
  assert.deepEqual(of("javascript"), ["w.ts", "w.mjs", "w.txt", "deno.json"]);
});
