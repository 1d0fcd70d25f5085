import { app, service, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { say } from "../child.ts";
import { echo } from "./contract.ts";

const shop = app({
  transport: rabbitmq(process.env.AMQP_URL!),
  services: [service(echo, { methods: { echo: (input) => input } })],
  log: silent,
});
await shop.start();
say({ rssBytes: process.memoryUsage().rss });
