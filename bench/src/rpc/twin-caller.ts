import { connect } from "amqplib";
import { argument, say } from "../child.ts";
import { type Load, load } from "../load.ts";
import { payload } from "./payload.ts";

const connection = await connect(process.env.AMQP_URL!, { noDelay: true });
const channel = await connection.createChannel();
const { queue } = await channel.assertQueue("", { exclusive: true, durable: false });
const waiting = new Map<string, (value: unknown) => void>();
await channel.consume(
  queue,
  (message) => {
    if (message === null) return;
    waiting.get(message.properties.correlationId)?.(JSON.parse(message.content.toString()));
    waiting.delete(message.properties.correlationId);
  },
  { noAck: true },
);

let count = 0;
const call = (): Promise<unknown> =>
  new Promise((resolve) => {
    const correlationId = `${++count}`;
    waiting.set(correlationId, resolve);
    channel.sendToQueue("twin.requests", Buffer.from(JSON.stringify(payload)), {
      correlationId,
      replyTo: queue,
      contentType: "application/json",
      expiration: "10000",
      mandatory: true,
    });
  });

say(await load(call, argument<Load>()));
await connection.close();
