import { app, service, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { argument, heard, say } from "../child.ts";
import { echo } from "../rpc/contract.ts";
import { type Mode, setUp } from "./sdk.ts";

const metricsUrl = await setUp(argument<{ mode: Mode }>().mode);
const shop = app({
  transport: rabbitmq(process.env.AMQP_URL!),
  services: [service(echo, { methods: { echo: (input) => input } })],
  log: silent,
});
await shop.start();
let before = process.cpuUsage();
// The warm-up is over: what it took to compile all this is not what a call costs.
process.on("SIGUSR2", () => {
  before = process.cpuUsage();
});
say({ metricsUrl });
await heard();
say(process.cpuUsage(before));
