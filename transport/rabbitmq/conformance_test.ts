/** RabbitMQ under the suite that every transport must pass. */

import { readSettings } from "@asya/config";
import { createLogger } from "@asya/telemetry";
import { connect } from "amqplib";
import { conformance } from "../conformance.ts";
import { FACTS } from "../conformance/facts.ts";
import type { Subject } from "../conformance/subject.ts";
import { TRANSPORT_SETTINGS } from "../settings.ts";
import { delayLevel, delayName } from "./delays.ts";
import { BROKERS, wire } from "./fixture.ts";
import { openRabbitmqTransport } from "./open.ts";

const ACTORS = ["work", "next", "done", "late", "other"];
let subjects = 0;

async function open(url: string): Promise<Subject> {
  const prefix = `test-${Deno.pid}-${subjects++}`;
  const env = {
    ASYA_TRANSPORT: "rabbitmq",
    ASYA_RABBITMQ_URL: url,
    ASYA_RABBITMQ_EXCHANGE: prefix,
    ASYA_QUEUE_PREFIX: prefix,
  };
  const log = createLogger({ level: "error" });
  const openAt = (address: string) => {
    const settings = readSettings(TRANSPORT_SETTINGS, { ...env, ASYA_RABBITMQ_URL: address });
    return openRabbitmqTransport(settings, log);
  };
  const cuttable = await wire(url);
  return {
    transport: openAt(cuttable.url),
    reopen: () => Promise.resolve(openAt(url)),
    env,
    seize: () => cuttable.cut(),
    async remove() {
      await cuttable.close();
      const model = await connect(url, { noDelay: true });
      const channel = await model.createChannel();
      for (const actor of ACTORS) {
        await channel.deleteQueue(`asya-${prefix}.${actor}`);
        await channel.deleteQueue(`asya-${prefix}.${actor}-dlq`);
      }
      for (const ms of [300, 400, 60_000]) {
        const name = delayName(prefix, delayLevel(ms));
        await channel.deleteQueue(name);
        await channel.deleteExchange(name);
      }
      await channel.deleteExchange(prefix);
      await model.close();
    },
  };
}

for (const { name, url, missing } of BROKERS) {
  const subjects = url === undefined ? { skip: missing } : () => open(url);
  conformance(name, subjects, FACTS.rabbitmq);
}
