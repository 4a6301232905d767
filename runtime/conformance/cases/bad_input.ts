/** Settings and handlers that are wrong: one line says which and why, and it is the last one. */

import { join } from "node:path";
import type { LifeCase } from "../case.ts";
import { expect, expectSame } from "../fault.ts";
import type { Subject } from "../subject.ts";

const MOST_LINE = 2_000;

/** It must not start, and its last line has to hold all of `words`. */
async function refused(subject: Subject, ...words: readonly string[]): Promise<void> {
  const code = await subject.exit("an exit, since this cannot work");
  expectSame(code, 1, "exit code");
  const line = subject.lastLine;
  for (const word of words) expect(line.includes(word), `a last line with ${word}`, line);
  expect(line.length < MOST_LINE, `a last line below ${MOST_LINE} characters`, `${line.length}`);
  expect(!await subject.has("runtime-ready"), "no runtime-ready", "it is there");
}

function bad(
  name: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  handler = "echo",
): LifeCase {
  return {
    capability: "bad input",
    name,
    setup: { handler, env },
    run: async (scene) => await refused(await scene.start(), ...words),
  };
}

export const BAD_INPUT: readonly LifeCase[] = [
  bad("refuses a handler that does not exist and names it", ["nowhere"], {}, "nowhere"),
  bad("refuses to start without ASYA_HANDLER", ["ASYA_HANDLER"], { ASYA_HANDLER: "" }),
  bad("refuses a handler that cannot be loaded, in the last line", ["no such model"], {
    CONFORMANCE_LOAD: "broken",
  }),
  bad("refuses a mode that it does not know", ["ASYA_HANDLER_MODE", "sideways"], {
    ASYA_HANDLER_MODE: "sideways",
  }),
  bad("refuses a concurrency of 0", ["ASYA_CONCURRENCY"], { ASYA_CONCURRENCY: "0" }),
  bad("refuses a concurrency that is no number", ["ASYA_CONCURRENCY", "many"], {
    ASYA_CONCURRENCY: "many",
  }),
  bad("refuses a grace that is no duration", ["ASYA_SHUTDOWN_GRACE", "soon"], {
    ASYA_SHUTDOWN_GRACE: "soon",
  }),
  bad("refuses a mode of the socket that is not octal", ["ASYA_SOCKET_CHMOD"], {
    ASYA_SOCKET_CHMOD: "rw",
  }),
  {
    capability: "bad input",
    name: "tells every wrong setting at once",
    setup: {
      handler: "echo",
      env: { ASYA_CONCURRENCY: "no", ASYA_CANCEL_GRACE: "no", ASYA_HANDLER_MODE: "no" },
    },
    run: async (scene) => {
      const subject = await scene.start();
      await refused(subject);
      for (const name of ["ASYA_CONCURRENCY", "ASYA_CANCEL_GRACE", "ASYA_HANDLER_MODE"]) {
        expect(subject.output.includes(name), `a line about ${name}`, subject.output.slice(0, 500));
      }
    },
  },
  {
    capability: "bad input",
    name: "refuses a socket folder that is a file and names it",
    setup: { handler: "echo" },
    run: async (scene) => {
      const file = await Deno.makeTempFile({ prefix: "asya" });
      try {
        await refused(await scene.start({ ASYA_SOCKET_DIR: file }), file);
      } finally {
        await Deno.remove(file);
      }
    },
  },
  {
    capability: "bad input",
    name: "refuses a socket path that is too long for a socket",
    setup: { handler: "echo" },
    run: async (scene) => {
      const folder = await Deno.makeTempDir({ prefix: "asya" });
      try {
        const long = join(folder, "d".repeat(120));
        const subject = await scene.start({ ASYA_SOCKET_DIR: long });
        expectSame(await subject.exit("an exit, since this cannot work"), 1, "exit code");
        expect(subject.lastLine.includes("ddd"), "a last line with the path", subject.lastLine);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  },
];
