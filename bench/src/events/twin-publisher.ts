// What a careful team writes by hand on amqplib: noDelay, persistent messages with ids, confirms that it does not wait
// for one by one, the body validated. It publishes nothing again after a lost connection, and has no time limit.
import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import { payload } from "../rpc/payload.ts";
import { document } from "./contract.ts";
import { publishing } from "./publishing.ts";
import { declareTwin, exchange, key } from "./twin-topology.ts";

const connection = await connect(process.env.AMQP_URL!, { noDelay: true });
const channel = await connection.createConfirmChannel();
await declareTwin(channel);

const prefix = randomUUID();
let count = 0;
const emit = (): Promise<void> =>
  new Promise((resolve, reject) => {
    channel.publish(
      exchange,
      key,
      Buffer.from(JSON.stringify(document.parse(payload))),
      { persistent: true, contentType: "application/json", type: key, messageId: `${prefix}-${++count}` },
      (error) => (error ? reject(error) : resolve()),
    );
  });

await publishing(emit);
await connection.close();
