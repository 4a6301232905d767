/** Everything that a service reads from its environment to reach its queues. */

import { setting, type Settings } from "@asya/config";

/** The transports that can be opened, by their wire names; `open.ts` says how. */
export const TRANSPORTS = ["sqlite"] as const;

/** One of {@linkcode TRANSPORTS}. */
export type TransportName = typeof TRANSPORTS[number];

const PREFIX = /^[A-Za-z0-9](?:[-_A-Za-z0-9]{0,30}[A-Za-z0-9])?$/;

const prefix = setting.custom("queue prefix", (text) => {
  if (PREFIX.test(text)) return text;
  throw new Error("expected at most 32 letters, digits, - and _, no - or _ at either end");
});

/** Rows for every service that sends or receives. */
export const TRANSPORT_SETTINGS = {
  transport: setting.oneOf(TRANSPORTS)("ASYA_TRANSPORT", {
    required: true,
    help: "the broker that carries the envelopes",
  }),
  sqlitePath: setting.text("ASYA_SQLITE_PATH", {
    help: "file of the embedded queue, needed for sqlite; its folder must exist",
  }),
  queuePrefix: prefix("ASYA_QUEUE_PREFIX", {
    help: "keeps systems apart that share a broker: queues are named asya-PREFIX.ACTOR",
  }),
  queueAutoCreate: setting.boolean("ASYA_QUEUE_AUTO_CREATE", {
    fallback: "false",
    help: "create the actor's own queue at the start where it is missing",
  }),
  maxMessageBytes: setting.bytes("ASYA_MAX_MESSAGE_BYTES", {
    help: "larger messages are refused; default by transport: sqlite 256MiB",
  }),
};

/** The values of {@linkcode TRANSPORT_SETTINGS}. */
export type TransportSettings = Settings<typeof TRANSPORT_SETTINGS>;
