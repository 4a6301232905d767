import assert from "node:assert/strict";
import { Fault } from "./fault.ts";
import { hex, packFrame, packMessage, readFrame, TYPE } from "./wire.ts";

Deno.test("packFrame() lays a frame out as PROTOCOL.md says, to the byte", () => {
  const frame = packFrame(TYPE.CALL, 0x01020304, "{}", "null");
  assert.equal(
    hex(frame),
    "00 00 00 12 02 00 00 00 01 02 03 04 00 00 00 02 7b 7d 6e 75 6c 6c",
  );
});

Deno.test("readFrame() reads back what packFrame() wrote", () => {
  const { type, call, head, body } = readFrame(packFrame(TYPE.END, 7, { frames: 2 }, "x"));
  assert.deepEqual([type, call, head, hex(body)], [TYPE.END, 7, { frames: 2 }, "78"]);
});

Deno.test("readFrame() throws Fault for flags, a head too long and a head that is no object", () => {
  for (const wrong of [{ flags: 1 }, { zero: 256 }, { headLength: 3 }]) {
    assert.throws(() => readFrame(packFrame(TYPE.END, 1, "{}", "", wrong)), Fault);
  }
  assert.throws(() => readFrame(packFrame(TYPE.END, 1, "[]")), Fault);
});

Deno.test("packMessage() puts a length before UTF-8", () => {
  assert.equal(hex(packMessage("\u00fc")), "00 00 00 02 c3 bc");
});
