/** SQS under the suite that every transport must pass. */

import { SQS } from "@aws-sdk/client-sqs";
import { conformance } from "../conformance.ts";
import { FACTS } from "../conformance/facts.ts";
import { sqsQueueName } from "../names.ts";
import { ENDPOINT, environment, freshPrefix, QUIET, settingsOf } from "./fixture.ts";
import { openSqsTransport } from "./open.ts";

/** What the emulator tells of a queue beside what SQS does. */
interface Inspection {
  readonly messages: { readonly inflight: readonly { readonly receiptHandle: string }[] };
}

function withClient<T>(run: (sqs: SQS) => Promise<T>): Promise<T> {
  const sqs = new SQS({ endpoint: ENDPOINT, region: "us-east-1" });
  return run(sqs).finally(() => sqs.destroy());
}

/** Makes visible again whatever is in flight. */
async function seize(prefix: string): Promise<void> {
  const name = sqsQueueName("work", prefix);
  const answer = await fetch(`${ENDPOINT}/_fauxqs/queues/${name}`);
  const { messages }: Inspection = await answer.json();
  await withClient(async (sqs) => {
    const { QueueUrl } = await sqs.getQueueUrl({ QueueName: name });
    for (const { receiptHandle: ReceiptHandle } of messages.inflight) {
      await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
    }
  });
}

async function removeQueues(prefix: string): Promise<void> {
  await withClient(async (sqs) => {
    const { QueueUrls = [] } = await sqs.listQueues({ QueueNamePrefix: sqsQueueName("", prefix) });
    for (const QueueUrl of QueueUrls) await sqs.deleteQueue({ QueueUrl });
  });
}

conformance("sqs", async ({ shortLease }) => {
  const seconds = shortLease ? 1 : 6;
  const prefix = freshPrefix();
  const env = environment(prefix, { ASYA_SQS_VISIBILITY_TIMEOUT: String(seconds) });
  const reopen = () => openSqsTransport(settingsOf(env), QUIET);
  return {
    transport: await reopen(),
    reopen,
    env,
    leaseMs: seconds * 1000,
    seize: () => seize(prefix),
    remove: () => removeQueues(prefix),
  };
}, FACTS.sqs);
