// Fills the queue of a service with events, as fast as amqplib can.
import { connect } from "amqplib";
import { argument, say } from "../child.ts";
import { payload } from "../rpc/payload.ts";

const batch = 5_000;
const key = "till.sold";

const { messages } = argument<{ messages: number }>();
const connection = await connect(process.env.AMQP_URL!, { noDelay: true });
const channel = await connection.createConfirmChannel();
const body = Buffer.from(JSON.stringify(payload));
for (let sent = 0; sent < messages; ) {
  for (const until = Math.min(messages, sent + batch); sent < until; sent++)
    channel.publish("warren.events", key, body, {
      persistent: true,
      contentType: "application/json",
      type: key,
      messageId: `load-${sent}`,
    });
  await channel.waitForConfirms();
}
say({ messages });
await connection.close();
