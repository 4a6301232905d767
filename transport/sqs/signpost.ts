/**
 * Signposts. SQS has nothing between a sender and a queue, and a sender knows an actor's name only.
 * Where an actor takes from a queue of another name, the queue of its own name holds nothing: a tag
 * names the other queue, and a policy refuses the messages of those who do not read tags.
 */

import { isThrottled, isUnreachable, unavailable } from "./errors.ts";
import { CallFailed, type Service } from "./service.ts";

/** The tag that makes a queue a signpost; its value is the name of the other queue. */
export const SIGNPOST_TAG = "asya.sh/queue";

/**
 * The name of the queue that a signpost leads to; undefined: it is none, as far as we may know.
 * @throws TransportUnavailable
 */
export async function signpostAt(service: Service, url: string): Promise<string | undefined> {
  try {
    const { Tags = {} } = await service.call((sqs, options) =>
      sqs.listQueueTags({ QueueUrl: url }, options)
    );
    return Tags[SIGNPOST_TAG];
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    const { refusal } = error;
    if (isUnreachable(refusal) || isThrottled(refusal)) {
      throw unavailable(`list the tags of ${url}`, refusal);
    }
    return undefined; // without the permission: a signpost refuses what is sent to it
  }
}

/** The policy of a signpost. */
export function signpostPolicy(queueArn: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [{
      Sid: "Signpost",
      Effect: "Deny",
      Principal: "*",
      Action: "sqs:SendMessage",
      Resource: queueArn,
    }],
  });
}
