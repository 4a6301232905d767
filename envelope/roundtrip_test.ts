import assert from "node:assert/strict";
import fc from "fast-check";
import { frameFromHead, parseAnswer } from "./answer.ts";
import { encodeEnvelope, encodeHead } from "./encode.ts";
import type { Envelope, Frame } from "./envelope.ts";
import { errorEnvelope } from "./error_envelope.ts";
import { scanObject } from "./json.ts";
import { parseEnvelope } from "./parse.ts";
import { routeAnswer } from "./routing.ts";
import { bytes, jsonText, text, trimmedJson } from "./testing.ts";

const ACTORS = ["a", "b", "c", "d", "e"];

/** The ways in which a handler that touches nothing may answer. */
const ECHOES: Readonly<Record<string, (input: Envelope) => readonly Frame[]>> = {
  "version 1": ({ payload, route }) => {
    const next = JSON.stringify({ actors: route.actors, current: route.current + 1 });
    const answer = parseAnswer(bytes(`[ {"payload":${text(payload)},"route":${next}} ]`));
    assert.ok("frames" in answer);
    return answer.frames;
  },
  "version 2": ({ payload }) => [frameFromHead(bytes("{}"), payload)],
  "version 2 in envelope mode": (input) => {
    const route = { ...input.route, current: input.route.current + 1 };
    return [frameFromHead(encodeHead({ ...input, route }), input.payload)];
  },
};

/** Five hops; what goes over a queue is encoded and parsed each time. */
function fiveHops(body: Uint8Array, echo: (input: Envelope) => readonly Frame[]): Envelope {
  let sent = body;
  for (let hop = 1; hop <= 5; hop++) {
    const input = parseEnvelope(sent);
    const [routed, ...more] = routeAnswer(input, echo(input), { happyEnd: "happy-end" });
    assert.equal(more.length, 0);
    assert.equal(routed?.actor, ACTORS[hop] ?? "happy-end");
    sent = encodeEnvelope(routed!.envelope);
  }
  return parseEnvelope(sent);
}

for (const [name, echo] of Object.entries(ECHOES)) {
  Deno.test(`routeAnswer() leaves a payload byte for byte over five hops with ${name}`, () => {
    fc.assert(
      fc.property(jsonText, trimmedJson, trimmedJson, (payload, number, unknown) => {
        const body = bytes(
          `{"id":"e-1","x":${unknown},"payload":${payload},"parent_id":"e-0",` +
            `"headers":{"traceparent":"t","n":${number}},"deadline":"2099-01-01T00:00:00Z",` +
            `"route":{"actors":${
              JSON.stringify(ACTORS)
            },"metadata":{"m":${number}},"y":${unknown}}}`,
        );
        const before = parseEnvelope(body);
        const after = fiveHops(body, echo);
        assert.deepEqual([...after.payload], [...before.payload]);
        assert.deepEqual(after, {
          ...before,
          payload: after.payload,
          route: { ...before.route, current: 5 },
          headers: new Map([...before.headers!, ["x-asya-hops", "5"]]),
        });
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("routeAnswer() keeps headers, parent_id, deadline and unknown keys over a fan-out", () => {
  fc.assert(
    fc.property(
      trimmedJson,
      fc.array(trimmedJson, { minLength: 2, maxLength: 4 }),
      (kept, items) => {
        const input = parseEnvelope(bytes(
          `{"id":"e-1","parent_id":"e-0","x":${kept},"headers":{"traceparent":${kept},"h":${kept}},` +
            `"payload":0,"deadline":"2099-01-01T00:00:00Z","route":{"actors":["a","b"],"y":${kept}}}`,
        ));
        const frames = items.map((item) => ({ payload: bytes(item) }));
        const routed = routeAnswer(input, frames, { happyEnd: "happy-end" });
        const sent = routed.map(({ envelope }) => parseEnvelope(encodeEnvelope(envelope)));
        assert.deepEqual(sent.map(({ payload }) => text(payload)), items);
        assert.deepEqual(
          sent.map(({ id }) => id),
          items.map((_, n) => n === 0 ? "e-1" : `e-1-${n}`),
        );
        for (const [index, { headers, extra, deadline, parentId, route }] of sent.entries()) {
          assert.equal(parentId, index === 0 ? "e-0" : "e-1");
          assert.deepEqual([headers?.get("traceparent"), headers?.get("h")], [kept, kept]);
          assert.deepEqual([extra.get("x"), route.extra.get("y")], [kept, kept]);
          assert.equal(deadline, input.deadline);
        }
      },
    ),
  );
});

Deno.test("errorEnvelope() keeps the payload byte for byte", () => {
  fc.assert(fc.property(trimmedJson, fc.string({ unit: "binary" }), (payload, message) => {
    const input = parseEnvelope(bytes(`{"id":"e","route":{"actors":["a"]},"payload":${payload}}`));
    const error = errorEnvelope(input, { code: "processing_error", message });
    const sent = parseEnvelope(encodeEnvelope(error)).payload;
    const original = scanObject(sent).find(({ name }) => name === "original_payload")!;
    assert.equal(text(sent.subarray(original.start, original.end)), payload);
  }));
});
