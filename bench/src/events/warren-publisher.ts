import { app, silent } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { payload } from "../rpc/payload.ts";
import { till } from "./contract.ts";
import { publishing } from "./publishing.ts";

const shop = app({ transport: rabbitmq(process.env.AMQP_URL!), log: silent });
await shop.start();
await publishing(() => shop.emit(till.events.sold, payload));
await shop.stop();
