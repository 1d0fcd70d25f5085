import { app, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { argument, say } from "../child.ts";
import { type Load, load } from "../load.ts";
import { echo } from "./contract.ts";
import { payload } from "./payload.ts";

const shop = app({ transport: rabbitmq(process.env.AMQP_URL!), log: silent });
await shop.start();
const client = shop.client(echo);
say(await load(() => client.echo(payload), argument<Load>()));
await shop.stop();
