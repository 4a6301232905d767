/** Opens the administration of a broker; each loads its client only when it is chosen. */

import type { QueueAdmin } from "./admin.ts";
import type { RabbitmqAdminOptions } from "./rabbitmq/admin.ts";
import type { SqsAdminOptions } from "./sqs/admin.ts";

/** Of RabbitMQ. Nothing is asked of it yet. */
export async function openRabbitmqAdmin(options: RabbitmqAdminOptions): Promise<QueueAdmin> {
  const rabbitmq = await import("./rabbitmq/admin.ts");
  return rabbitmq.openRabbitmqAdmin(options);
}

/** Of SQS. Nothing is asked of it yet. */
export async function openSqsAdmin(options: SqsAdminOptions): Promise<QueueAdmin> {
  const sqs = await import("./sqs/admin.ts");
  return sqs.openSqsAdmin(options);
}
