import { app, service, silent } from "warren";
import { embedded } from "warren/embedded";
import { argument, say } from "../child.ts";
import { type Load, load } from "../load.ts";
import { echo } from "../rpc/contract.ts";
import { payload } from "../rpc/payload.ts";

const shop = app({
  transport: embedded(),
  services: [service(echo, { methods: { echo: (input) => input } })],
  log: silent,
});
await shop.start();
const rssBytes = process.memoryUsage().rss;
const client = shop.client(echo);
say({ ...(await load(() => client.echo(payload), argument<Load>())), rssBytes });
await shop.stop();
