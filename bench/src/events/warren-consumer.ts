import { app, service, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { say } from "../child.ts";
import { ledger, till } from "./contract.ts";
import { tally } from "./tally.ts";

const { count, result } = tally();
const shop = app({
  transport: rabbitmq(process.env.AMQP_URL!),
  services: [service(ledger, { uses: { till }, methods: {}, on: { "till.sold": count } })],
  log: silent,
});
await shop.start();
say({ ready: true });
const consumed = await result();
// Said afterwards, since the parent ends this process then: what is not acknowledged would come again in the next run.
await shop.stop();
say(consumed);
