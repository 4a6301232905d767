import assert from "node:assert/strict";
import { openTerminal } from "./terminal.ts";

function written(live: boolean, colours = false) {
  let text = "";
  const terminal = openTerminal((piece) => text += piece, { live, colours });
  return { terminal, text: () => text };
}

Deno.test("openTerminal() writes only the lines of a block that changed, where nothing can be redrawn", () => {
  const { terminal, text } = written(false);
  terminal.block(["a 0", "b 0"]);
  terminal.block(["a 1", "b 0"]);
  assert.equal(text(), "a 0\nb 0\na 1\n");
});

Deno.test("openTerminal() redraws a block in place in a terminal, until it ends", () => {
  const { terminal, text } = written(true);
  terminal.block(["a 0"]);
  terminal.block(["a 1"]);
  terminal.endBlock();
  terminal.block(["b"]);
  assert.equal(text(), "a 0\n\x1b[1A\x1b[0Ja 1\nb\n");
});

Deno.test("openTerminal() paints only where colours are wanted", () => {
  assert.equal(written(true).terminal.paint.bad("x"), "x");
  assert.equal(written(true, true).terminal.paint.bad("x"), "\x1b[31mx\x1b[0m");
});
