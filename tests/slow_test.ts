/** One slow envelope costs the rest of its queue its own time limit at most. */

import assert from "node:assert/strict";
import { encodeEnvelope } from "@asya/envelope";
import { envelope, pythonActor } from "./project.ts";
import { running } from "./running.ts";

const HANDLER = `import time

def process(payload):
    time.sleep(payload["seconds"] if "seconds" in payload else 0)
    return payload
`;

const body = (id: string, payload: string) => encodeEnvelope(envelope(id, ["work"], payload));
const QUICK = Array.from({ length: 20 }, (_, n) => `quick-${n}`);

function folder(spec: string): Record<string, string> {
  return { "actors.yaml": pythonActor("work", "handler.process", spec), "handler.py": HANDLER };
}

Deno.test("a slow envelope ends with timeout_error, and what waits behind it goes on", () =>
  running(
    folder(
      'timeout: { processing: 1 }\nsidecar: { env: [{ name: ASYA_CANCEL_GRACE, value: "1s" }] }',
    ),
    async ({ put, failed, result, stillGood }) => {
      await put("work", body("slow", '{"seconds":600}'), ...QUICK.map((id) => body(id, "{}")));
      const { error, details } = await failed("slow");
      assert.equal(error, "timeout_error");
      assert.match(details["message"]!, /longer than 1000 ms/);
      for (const id of QUICK) await result(id);
      await stillGood("work");
    },
  ));

Deno.test("a slow envelope does not hold up the others where two may run at once", () =>
  running(
    folder("timeout: { processing: 20 }\nconcurrency: 2"),
    async ({ put, result, transport }) => {
      await put("work", body("slow", '{"seconds":4}'), ...QUICK.map((id) => body(id, "{}")));
      for (const id of QUICK) await result(id);
      const queue = transport.queue("work");
      assert.equal((await queue.depth("work")).inFlight, 1, "the slow one still runs");
      await queue.close();
      await result("slow");
    },
  ));
