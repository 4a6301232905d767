/** Envelope mode: the handler gets all of it and says where it goes on. */

import type { Case } from "../case.ts";
import { type Answer, envelope1, failure1, failureOf, framesOf, onlyFrame } from "../caller.ts";
import { expect, expectSame } from "../fault.ts";
import { type Frame, jsonOf, textOf } from "../wire.ts";

const setup = { handler: "envelope", env: { ASYA_HANDLER_MODE: "envelope" } };
const ACTORS = ["prep", "infer", "post"];
const HEAD = {
  id: "e-1",
  parent_id: "e-0",
  route: { actors: ACTORS, current: 1, metadata: { team: "nlp" } },
  headers: { priority: "high" },
  deadline: "2036-01-01T00:00:00Z",
  x_unknown: [1, 2],
};

function asked(name: string, what: string, check: (answer: Answer) => void): Case {
  return {
    capability: "envelope mode",
    name,
    setup,
    run: async (scene) => {
      const caller = await scene.caller();
      check(await caller.call(`{"do":"${what}"}`, HEAD));
    },
  };
}

/** The route of a frame, which always tells actors and current. */
function routeOf(frame: Frame): unknown[] {
  const { actors, current } = (frame.head.route ?? {}) as Record<string, unknown>;
  const good = Array.isArray(actors) && Number.isSafeInteger(current);
  expect(good, "a route with actors and current", frame.headText);
  return [actors, current];
}

function routed(name: string, what: string, actors: readonly string[], current: number): Case {
  return asked(name, what, (answer) => {
    const frame = onlyFrame(answer);
    expectSame(routeOf(frame), [actors, current], "actors and current");
    for (const [member, value] of Object.entries(HEAD)) {
      if (member === "route" || !(member in frame.head)) continue;
      expectSame(frame.head[member], value, `${member}, or nothing of it,`);
    }
    expect(!("asya" in frame.head), "a head without asya", frame.headText);
    expect(!("payload" in frame.head), "a head without payload", frame.headText);
  });
}

function refused(name: string, what: string): Case {
  return asked(name, what, (answer) => void failureOf(answer, "processing_error"));
}

export const ENVELOPE: readonly Case[] = [
  {
    capability: "envelope mode",
    name: "tells its mode in WELCOME",
    setup,
    run: async (scene) => expectSame((await scene.caller()).welcome.mode, "envelope", "mode"),
  },
  routed("lets a handler advance", "advance", ACTORS, 2),
  routed("passes an unchanged envelope on", "same", ACTORS, 1),
  routed("lets a handler insert an actor", "insert", ["prep", "infer", "extra", "post"], 2),
  routed("lets a handler remove what is ahead", "truncate", ["prep", "infer"], 2),
  refused("refuses an answer that changes an actor that was", "rewrite"),
  refused("refuses an answer that erases an actor that was", "erase"),
  refused("refuses an answer without a route", "bare"),
  refused("answers a failing handler with processing_error", "fail"),
  asked("tells headers that a handler added", "header", (answer) => {
    const { head } = onlyFrame(answer);
    expectSame(head.headers, { priority: "high", added: "yes" }, "headers");
  }),
  asked("sends a payload that a handler replaced", "replace", (answer) => {
    expectSame(jsonOf(textOf(onlyFrame(answer).body)), { new: 1 }, "payload");
  }),
  asked("sends two envelopes with a route each", "fan", ({ frames }) => {
    expectSame(frames.map((frame) => jsonOf(textOf(frame.body))), [{ i: 0 }, { i: 1 }], "payloads");
    for (const frame of frames) expectSame(routeOf(frame), [ACTORS, 2], "actors and current");
  }),
  asked("sends no frame for nothing", "nothing", ({ frames, failure }) => {
    expectSame([frames.length, failure], [0, undefined], "frames and failure");
  }),
  asked("gives the handler every member, and not the sidecar's own", "keys", (answer) => {
    const names = jsonOf(textOf(onlyFrame(answer).body));
    expectSame(names, [...Object.keys(HEAD), "payload"].toSorted(), "members");
  }),
  {
    capability: "envelope mode",
    name: "keeps an untouched payload byte for byte",
    setup,
    run: async (scene) => {
      const caller = await scene.caller();
      const payload = '{"do": "advance", "n": 9007199254740993, "m": -0, "x": 1.0, "s": "\\ud800"}';
      expectSame(await caller.one(payload, HEAD), payload, "payload");
    },
  },
  {
    capability: "envelope mode",
    name: "keeps the digits of members that a handler left alone, or leaves them out",
    setup,
    run: async (scene) => {
      const caller = await scene.caller();
      const head = '{"id":"e-1","route":{"actors":["a","b"],"current":0},' +
        '"x_big":9007199254740993,"headers":{"n":1e400}}';
      const { headText } = onlyFrame(await caller.call('{"do":"advance"}', head));
      if (headText.includes("x_big")) {
        expect(headText.includes("9007199254740993"), "9007199254740993", headText);
      }
      if (headText.includes("headers")) expect(headText.includes("1e400"), "1e400", headText);
    },
  },
  ...[
    ["no route", '{"id":"e-1"}'],
    ["no actors", '{"id":"e-1","route":{}}'],
    ["an empty list of actors", '{"id":"e-1","route":{"actors":[],"current":0}}'],
    ["a current beyond the actors", '{"id":"e-1","route":{"actors":["a"],"current":2}}'],
    ["a current that is a text", '{"id":"e-1","route":{"actors":["a"],"current":"0"}}'],
  ].map(([what, head]): Case => ({
    capability: "envelope mode",
    name: `answers msg_parsing_error to an envelope with ${what}`,
    setup,
    run: async (scene) => {
      const caller = await scene.caller();
      failureOf(await caller.call('{"do":"advance"}', head), "msg_parsing_error");
    },
  })),
  {
    capability: "envelope mode",
    name: "answers version 1 with the whole envelope",
    needs: "version 1",
    setup,
    run: async (scene) => {
      const text = await scene.exchange1(envelope1('{"do":"header"}', '"x_unknown":[1],'));
      const [frame] = framesOf(text);
      expectSame(frame, {
        id: "e-1",
        route: { actors: ["prep", "infer"], current: 1 },
        x_unknown: [1],
        payload: { do: "header" },
        headers: { added: "yes" },
      }, "the envelope");
      failure1(await scene.exchange1(envelope1('{"do":"rewrite"}')), "processing_error");
    },
  },
];
