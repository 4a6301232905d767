/** What is said about each transport beside what all of them promise: for the suite and the docs. */

import type { TransportName } from "../settings.ts";

/** One transport in the published table. */
export interface Facts {
  /** Whether a message comes back whose holder gives no sign of life for a set time. */
  readonly lease: boolean;
  /** Whether messages come in the order in which they were sent. */
  readonly order: boolean;
  /** By the heading of a row. */
  readonly rows: Readonly<Record<Row, string>>;
  /** Brokers that the suite is run against on every change, and those that it never was. */
  readonly run: string;
  readonly notRun: string;
}

/** The rows of the table, in their order. */
export const ROWS = [
  "order",
  "delivery",
  "when a sidecar dies, its messages come back",
  "durable",
  "delays",
  "largest message",
  "message body",
  "depth tells",
  "dead letters",
  "an actor with `queueName`",
  "a handler may take",
] as const;

/** One of {@linkcode ROWS}. */
export type Row = typeof ROWS[number];

/** By the transport's wire name. */
export const FACTS: Readonly<Record<TransportName, Facts>> = {
  sqlite: {
    lease: true,
    order: true,
    rows: {
      "order": "as committed, but for what is released, delayed or redelivered",
      "delivery": "at least once; sending and settling are one transaction",
      "when a sidecar dies, its messages come back": "within about a second",
      "durable": "synced to the file before a call answers",
      "delays": "exact, any length",
      "largest message": "256 MiB",
      "message body": "any bytes",
      "depth tells": "ready, in flight, delayed",
      "dead letters": "in the same file",
      "an actor with `queueName`": "not used: `asya dev` gives every actor its own queue",
      "a handler may take": "as long as it likes",
    },
    run: "the SQLite that Deno 2.9.6 brings",
    notRun: "network file systems: SQLite's locks do not work there",
  },
  rabbitmq: {
    lease: false,
    order: true,
    rows: {
      "order": "as confirmed, but for what is released, delayed or redelivered",
      "delivery": "at least once: every message confirmed, then the input acknowledged",
      "when a sidecar dies, its messages come back": "at once; a hung connection after 10 s",
      "durable": "quorum queues, persistent messages, publisher confirms, mandatory",
      "delays": "a tenth or 250 ms late at most, any length, no plugin",
      "largest message": "what the broker takes: 128 MiB on 3.x, 16 MiB on 4.x",
      "message body": "any bytes",
      "depth tells": "ready",
      "dead letters": "queue `asya-<actor>-dlq`; else `asya-dlq` where it exists",
      "an actor with `queueName`": "a binding leads to that queue what is sent to the actor",
      "a handler may take": "five sixths of the broker's `consumer_timeout`: 25 min by default",
    },
    run: "RabbitMQ 3.10.8 and 4.0.5, one node each; by hand also 4.3.6",
    notRun: "3.11 to 3.13, 4.1, 4.2, clusters of several nodes, mirrored classic queues",
  },
  sqs: {
    lease: true,
    order: false,
    rows: {
      "order": "roughly as sent: standard queues promise none",
      "delivery": "at least once: every message accepted, then the input deleted",
      "when a sidecar dies, its messages come back": "after `ASYA_SQS_VISIBILITY_TIMEOUT`",
      "durable": "as SQS stores it; an entry that a batch refuses is tried again",
      "delays": "up to a second late; beyond 15 minutes parked again and again",
      "largest message": "1 MiB, or what the queue takes",
      "message body": "text; anything else as base64 with an attribute that says so",
      "depth tells": "ready, in flight, delayed; all approximate",
      "dead letters":
        "the queue that its redrive policy names; `asya-<actor>-dlq` where we make it",
      "an actor with `queueName`":
        "a tag of `asya-<actor>` leads there; senders need `sqs:ListQueueTags`",
      "a handler may take": "12 hours, which is the most that SQS allows",
    },
    run: "the emulator fauxqs 2.4.1",
    notRun: "Amazon's own SQS, FIFO queues",
  },
};
