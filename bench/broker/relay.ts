/**
 * What the client library can do at best with the promises that the system makes: takes from one
 * queue, publishes to another, acknowledges after the confirmation. It reads nothing.
 *
 * Arguments: URL, queue, exchange, routing key, prefetch.
 */

import { connect } from "amqplib";

if (import.meta.main) {
  const [url, queue, exchange, key, prefetch] = Deno.args as [
    string,
    string,
    string,
    string,
    string,
  ];
  const consuming = await connect(url, { noDelay: true });
  const publishing = await connect(url, { noDelay: true });
  const incoming = await consuming.createChannel();
  const outgoing = await publishing.createConfirmChannel();
  outgoing.on("return", () => {
    console.error(`there is no queue for ${key}`);
    Deno.exit(1);
  });
  await incoming.prefetch(Number(prefetch));
  await incoming.consume(queue, (message) => {
    if (message === null) throw new Error("the queue was deleted");
    const { messageId, contentType } = message.properties;
    const options = { persistent: true, mandatory: true, messageId, contentType };
    outgoing.publish(exchange, key, message.content, options, (error) => {
      if (error) throw error;
      incoming.ack(message);
    });
  });
  Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
}
