import { app, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { argument, say } from "../child.ts";
import { type Load, load } from "../load.ts";
import { echo } from "../rpc/contract.ts";
import { payload } from "../rpc/payload.ts";
import { type Mode, setUp } from "./sdk.ts";

const { mode, ...how } = argument<Load & { mode: Mode }>();
const metricsUrl = await setUp(mode);
const shop = app({ transport: rabbitmq(process.env.AMQP_URL!), log: silent });
await shop.start();
say({ metricsUrl });
const client = shop.client(echo);
let calls = 0;
const once = (): Promise<unknown> => {
  calls++;
  return client.echo(payload);
};
let before = process.cpuUsage();
setTimeout(() => {
  say({});
  before = process.cpuUsage();
  calls = 0;
}, how.warmupMs);
const measured = await load(once, how);
say({ ...measured, ...process.cpuUsage(before), calls });
await shop.stop();
