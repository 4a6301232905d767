/** Version 1: a length, an envelope, an array back. */

import type { Case } from "../case.ts";
import { envelope1, failure1, framesOf, readMessage } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { bytesOf, packMessage } from "../wire.ts";

const setup = { handler: "echo" };
const ROUTE = { actors: ["prep", "infer"], current: 1 };

function old(name: string, run: Case["run"], handler = "echo"): Case {
  return { capability: "version 1", name, setup: { ...setup, handler }, run };
}

/** A request that is answered with an error. */
function refuses(what: string, message: string | Uint8Array, ...codes: string[]): Case {
  return old(`answers ${codes.join(" or ")} to ${what}`, async (scene) => {
    failure1(await scene.exchange1(message), ...codes);
    expectSame(framesOf(await scene.exchange1(envelope1("1"))).length, 1, "frames afterwards");
  });
}

const envelope = (more: string) => `{"id":"e-1",${more}}`;

export const VERSION1: readonly Case[] = [
  old("answers {payload, route, headers}, current advanced, and closes", async (scene) => {
    const headers = '"headers":{"priority":"high"},';
    const frames = framesOf(await scene.exchange1(envelope1('{"a":1}', headers)));
    const expected = [{ payload: { a: 1 }, route: ROUTE, headers: { priority: "high" } }];
    expectSame(frames, expected, "frames");
  }),
  old("leaves headers out where there were none", async (scene) => {
    const frames = framesOf(await scene.exchange1(envelope1('{"a":1}')));
    expectSame(frames, [{ payload: { a: 1 }, route: ROUTE }], "frames");
  }),
  old("keeps the metadata of a route", async (scene) => {
    const route = '"route":{"actors":["a"],"current":0,"metadata":{"m":1}},"payload":1';
    const [frame] = framesOf(await scene.exchange1(envelope(route)));
    expectSame(frame?.route, { actors: ["a"], current: 1, metadata: { m: 1 } }, "route");
  }),
  old("takes a current that is left out for 0", async (scene) => {
    const [frame] = framesOf(
      await scene.exchange1(envelope('"route":{"actors":["a"]},"payload":1')),
    );
    expectSame(frame?.route, { actors: ["a"], current: 1 }, "route");
  }),
  old("reads route.steps as route.actors", async (scene) => {
    const text = envelope('"route":{"steps":["a"],"current":0},"payload":1');
    const [frame] = framesOf(await scene.exchange1(text));
    expectSame(frame?.route, { actors: ["a"], current: 1 }, "route");
  }),
  old("answers no frame with an empty array", async (scene) => {
    expectSame(framesOf(await scene.exchange1(envelope1("{}"))), [], "frames");
  }, "nothing"),
  old("takes a message byte by byte", async (scene) => {
    using peer = await scene.peer();
    await peer.writeInPieces(packMessage(envelope1('{"s":"\u4e16"}')), 1);
    expectSame(framesOf(await readMessage(peer))[0]?.payload, { s: "\u4e16" }, "payload");
  }),
  old("takes a message whose sender closes its side", async (scene) => {
    using peer = await scene.peer();
    await peer.write(packMessage(envelope1("5")));
    await peer.endWriting();
    expectSame(framesOf(await readMessage(peer))[0]?.payload, 5, "payload");
  }),
  old("takes and answers 16 MiB", async (scene) => {
    const long = "l".repeat(16 << 20);
    const [frame] = framesOf(await scene.exchange1(envelope1(`"${long}"`), 30_000));
    expect(frame?.payload === long, "the payload", "another");
  }),
  old("answers connection_error to a message that is cut off", async (scene) => {
    for (const size of [2, 4, 30]) {
      using peer = await scene.peer();
      await peer.write(packMessage(envelope1("5")).subarray(0, size));
      await peer.endWriting();
      failure1(await readMessage(peer), "connection_error");
    }
  }),
  old("refuses a message of 1 GiB by its length", async (scene) => {
    using peer = await scene.peer();
    await peer.write(new Uint8Array([0x40, 0, 0, 0]));
    failure1(await readMessage(peer), "msg_parsing_error", "connection_error", "resource_limit");
  }),
  old("outlives probes that only connect", async (scene) => {
    for (let i = 0; i < 20; i++) {
      using _ = await scene.peer();
    }
    expectSame(framesOf(await scene.exchange1(envelope1("1"))).length, 1, "frames");
  }),
  refuses("no bytes at all", "", "msg_parsing_error"),
  refuses("text that is no JSON", "hello there", "msg_parsing_error"),
  refuses("half an envelope", envelope1("1").slice(0, -1), "msg_parsing_error"),
  refuses("bytes that are no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "msg_parsing_error"),
  refuses("UTF-16", new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), "msg_parsing_error"),
  refuses("NaN in a payload", envelope1("NaN"), "msg_parsing_error", "processing_error"),
  refuses("an array", "[]", "msg_parsing_error"),
  refuses("a number", "7", "msg_parsing_error"),
  refuses("null", "null", "msg_parsing_error"),
  refuses("a payload that is there twice", envelope1('1,"payload":2'), "msg_parsing_error"),
  refuses("an envelope without payload", envelope('"route":{"actors":["a"]}'), "msg_parsing_error"),
  refuses("an envelope without route", envelope('"payload":1'), "msg_parsing_error"),
  refuses("a route that is a text", envelope('"route":"a","payload":1'), "msg_parsing_error"),
  refuses("an empty route", envelope('"route":{"actors":[]},"payload":1'), "msg_parsing_error"),
  ...["-1", "2", "true", '"0"', "null"].map((current) =>
    refuses(
      `route.current ${current}`,
      envelope(`"route":{"actors":["a"],"current":${current}},"payload":1`),
      "msg_parsing_error",
    )
  ),
  refuses("headers that are a list", envelope1("1", '"headers":[],'), "msg_parsing_error"),
  old("answers JSON also where a number is too large for a double", async (scene) => {
    // What a runtime that parses cannot keep it has to refuse; what copies keeps it.
    const text = await scene.exchange1(bytesOf(envelope1("1e400")));
    if (text.includes('"error"')) failure1(text, "processing_error", "msg_parsing_error");
    else expect(text.includes("1e400"), "1e400, or an error", text);
  }),
];
