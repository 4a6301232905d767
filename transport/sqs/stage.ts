/** A corner of the emulator with a proxy before it, for one test. */

import type { Queue, Transport } from "../queue.ts";
import { createLogger, type Logger } from "@asya/telemetry";
import type { TransportSettings } from "../settings.ts";
import { type Limits, SERVICE_LIMITS } from "./engine.ts";
import { ENDPOINT, environment, freshPrefix, QUIET, settingsOf } from "./fixture.ts";
import { type Meddler, startMeddler } from "./meddler.ts";
import { openWithin } from "./open.ts";

/** What a test works with. */
export interface Stage {
  readonly prefix: string;
  readonly meddler: Meddler;
  /** Goes through the proxy. */
  readonly transport: Transport;
  /** The queue of `work`, declared. */
  readonly work: Queue;
  /** Does not go through the proxy. */
  readonly other: Transport;
  /** What was logged, a message each. */
  readonly logged: string[];
}

/** How a stage differs. */
export interface StageOptions {
  /** In s. Default 60. */
  readonly visibility?: number;
  readonly limits?: Partial<Limits>;
  readonly settings?: Partial<TransportSettings>;
}

/** Registers a test that has a stage. */
export function staged(
  title: string,
  run: (stage: Stage) => Promise<void>,
  { visibility = 60, limits, settings = {} }: StageOptions = {},
): void {
  Deno.test(title, async () => {
    const prefix = freshPrefix();
    const meddler = await startMeddler();
    const logged: string[] = [];
    const write = (line: string) => logged.push(JSON.parse(line).message);
    const log = createLogger({ level: "info", write });
    const open = (endpoint: string, into: Logger) => {
      const more = {
        ASYA_SQS_ENDPOINT: endpoint,
        ASYA_SQS_VISIBILITY_TIMEOUT: String(visibility),
      };
      const read = settingsOf(environment(prefix, more));
      return openWithin({ ...SERVICE_LIMITS, ...limits }, { ...read, ...settings }, into);
    };
    const transport = await open(meddler.url, log);
    const other = await open(ENDPOINT, QUIET);
    try {
      const work = transport.queue("work");
      await work.declare("work");
      await run({ prefix, meddler, transport, work, other, logged });
    } finally {
      meddler.meddle = ({ pass }) => pass();
      await transport.close();
      await other.close();
      await meddler.stop();
    }
  });
}
