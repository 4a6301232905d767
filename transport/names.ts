/** What an actor's queue is called at each broker. */

/**
 * The queue of an actor: `asya-<actor>`, with a prefix `asya-<prefix>.<actor>`. An actor's name has
 * no dot, so no two of these meet.
 *
 * @example
 * ```ts
 * import { queueName } from "@asya/transport";
 * if (queueName("prep") !== "asya-prep") throw new Error("wrong name");
 * if (queueName("prep", "blue") !== "asya-blue.prep") throw new Error("wrong name");
 * ```
 */
export function queueName(actor: string, prefix?: string): string {
  return prefix ? `asya-${prefix}.${actor}` : `asya-${actor}`;
}

/** The same for SQS, whose names have no dots: `asya-<prefix>_<actor>`. */
export function sqsQueueName(actor: string, prefix?: string): string {
  return prefix ? `asya-${prefix}_${actor}` : `asya-${actor}`;
}

/** Queue names by actor, as `named` makes them, but for the one actor whose queue has another name. */
export function withOwnQueue(
  named: (actor: string) => string,
  { actor: own, queueName }: { readonly actor?: string; readonly queueName?: string | undefined },
): (actor: string) => string {
  return (actor) => queueName !== undefined && actor === own ? queueName : named(actor);
}

/** The RabbitMQ routing key: `<actor>`, with a prefix `<prefix>.<actor>`. */
export function routingKey(actor: string, prefix?: string): string {
  return prefix ? `${prefix}.${actor}` : actor;
}

/** The queue of an actor's dead letters, beside its queue of the given name. */
export function deadLetterQueueName(queue: string): string {
  return `${queue}-dlq`;
}
