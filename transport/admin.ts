/** What an operator does with queues: make them, look after them, remove them. */

import type { Depth } from "./queue.ts";

/** What became of a queue that was to be removed. */
export type Removal = "removed" | "in use";

/** One broker, for whoever owns the queues of many actors. */
export interface QueueAdmin {
  /** What an actor's queue is called here. */
  queueName(actor: string): string;
  /**
   * Makes an actor's queue and what belongs to it, where that is missing. What is there is used as
   * it is, whoever made it and how.
   * @throws TransportUnavailable when the broker is away or refuses
   */
  ensure(actor: string): Promise<void>;
  /**
   * Leads what is sent to an actor to a queue that is somebody else's, where sending goes by the
   * actor's name. A queue that is not there stays away.
   * @returns whether it is there
   * @throws TransportUnavailable when the broker is away or refuses
   */
  adopt(actor: string, queue: string): Promise<boolean>;
  /**
   * Counts the messages of queues, by their names; undefined: there is none of that name, or nothing
   * leads to it any more.
   * @throws TransportUnavailable
   */
  look(queues: readonly string[]): Promise<ReadonlyMap<string, Depth | undefined>>;
  /**
   * Deletes an actor's queue with its dead letters and all that is in them, unless somebody takes
   * messages from it. A queue that is gone is fine.
   * @throws TransportUnavailable
   */
  remove(actor: string): Promise<Removal>;
  /** Lets go of the broker. Safe to call twice. */
  close(): Promise<void>;
}
