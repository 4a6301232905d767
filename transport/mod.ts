/** Queues: one interface, and the brokers behind it. @module */
export {
  type DeadLetter,
  type DeadLetters,
  type Delivery,
  DeliveryLost,
  type Depth,
  MessageTooLarge,
  NotDurable,
  type Outgoing,
  type Queue,
  QueueMissing,
  type SendResult,
  type Transport,
  TransportError,
  TransportUnavailable,
} from "./queue.ts";
export { deadLetterQueueName, queueName, routingKey, sqsQueueName } from "./names.ts";
export {
  TRANSPORT_SETTINGS,
  type TransportName,
  TRANSPORTS,
  type TransportSettings,
} from "./settings.ts";
export { openTransport } from "./open.ts";
export type { QueueAdmin, Removal } from "./admin.ts";
export type { RabbitmqAdminOptions } from "./rabbitmq/admin.ts";
export type { SqsAdminOptions } from "./sqs/admin.ts";
export { openRabbitmqAdmin, openSqsAdmin } from "./open_admin.ts";
export { Backoff, pause } from "./backoff.ts";
export { openSqliteTransport, type SqliteOptions, type SqliteTransport } from "./sqlite/open.ts";
export type { CommitStats } from "./sqlite/group_commit.ts";
