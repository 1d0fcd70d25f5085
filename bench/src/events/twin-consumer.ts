// The other half: manual acknowledgement after the work, explicit prefetch, the body validated, what fails is dead.
import { connect } from "amqplib";
import { say } from "../child.ts";
import { document } from "./contract.ts";
import { tally } from "./tally.ts";
import { declareTwin, queue } from "./twin-topology.ts";

const { count, result } = tally();
const connection = await connect(process.env.AMQP_URL!, { noDelay: true });
const channel = await connection.createChannel();
await declareTwin(channel);
await channel.prefetch(100);
const react = async (_event: { text: string }): Promise<void> => count();
await channel.consume(queue, async (message) => {
  if (message === null) return;
  try {
    await react(document.parse(JSON.parse(message.content.toString())));
    channel.ack(message);
  } catch {
    channel.reject(message, false);
  }
});
say({ ready: true });
const consumed = await result();
// Said afterwards, since the parent ends this process then: what is not acknowledged would come again in the next run.
await connection.close();
say(consumed);
