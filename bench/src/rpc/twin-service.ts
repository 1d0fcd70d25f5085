// What a careful team writes by hand on amqplib: noDelay, explicit prefetch, manual acknowledgement after the reply.
// It validates nothing and has no deadlines, which is in its favour.
import { connect } from "amqplib";
import { say } from "../child.ts";

const connection = await connect(process.env.AMQP_URL!, { noDelay: true });
const channel = await connection.createChannel();
await channel.assertQueue("twin.requests", { durable: true, arguments: { "x-queue-type": "classic" } });
await channel.prefetch(100);
await channel.consume("twin.requests", (message) => {
  if (message === null) return;
  const input = JSON.parse(message.content.toString());
  const { replyTo, correlationId } = message.properties;
  channel.sendToQueue(replyTo, Buffer.from(JSON.stringify(input)), {
    correlationId,
    contentType: "application/json",
  });
  channel.ack(message);
});
say({ rssBytes: process.memoryUsage().rss });
