import { app, service, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { say } from "../child.ts";
import { ledger, till } from "./contract.ts";
import { tally } from "./tally.ts";

const { count, report } = tally();
const shop = app({
  transport: rabbitmq(process.env.AMQP_URL!),
  services: [service(ledger, { uses: { till }, methods: {}, on: { "till.sold": count } })],
  log: silent,
});
await shop.start();
say({ ready: true });
await report();
await shop.stop();
