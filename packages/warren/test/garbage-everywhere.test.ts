import { describe, expect, it, onTestFinished } from "vitest";
import { names, type Outgoing, service } from "../src/index.ts";
import { deadQueue } from "../src/retry/topology.ts";
import { books, connect, fast, freshBroker, mail, shop, sink, start } from "./events-world.ts";
import { transports } from "./shape-world.ts";

const bodies = ["", "\u0000\u0001garbage", "{", "null", '{"__proto__":{}}', "\ud800"].map((text) =>
  Buffer.from(text),
);
const types = [undefined, "constructor", "events-shop.sell", "events-shop.sold"];

describe.each(transports)("garbage bytes on every queue there is, on %s", (transport) => {
  freshBroker(transport);

  it("end in an answer, a dead letter or nowhere; nothing stays unacknowledged and everything goes on", async () => {
    const [told, all] = [sink<number>(), sink<number>()];
    const selling = service(shop, { methods: { sell: async ({ item }, { emit }) => emit.sold({ item }) } });
    const mailing = service(mail, {
      uses: { shop },
      methods: {},
      retry: fast,
      on: {
        "events-shop.sold": ({ item }) => told.put(item),
        "events-shop.opened": { inOrder: ({ by }) => by, run: () => {} },
      },
    });
    const booking = service(books, {
      uses: { shop },
      methods: {},
      on: { "events-shop.sold": { to: "every-instance", run: ({ item }) => all.put(item) } },
    });
    const shops = await start(selling, mailing, booking);
    const other = connect();
    const queues = [
      names.requests(shop.name),
      names.requests(mail.name),
      names.events(mail.name),
      names.orderedEvents(mail.name),
      names.dead(mail.name),
      names.instance(shop.name, shops.instance),
      names.instanceEvents(books.name, shops.instance),
    ];
    const replies = await other.replies(() => {});
    onTestFinished(() => other.close({ drainMs: 0 }));
    const message = (key: string, body: Buffer, type: string | undefined): Outgoing => ({
      exchange: "",
      key,
      body,
      type,
      persistent: true,
      mandatory: false,
      contentType: "application/x-nonsense",
      correlationId: "nobody",
    });
    for (const body of bodies)
      for (const type of types) {
        for (const queue of queues) await other.publish(message(queue, body, type));
        for (const queue of [names.requests(shop.name), names.requests(mail.name)])
          await other.publish({ ...message(queue, body, type), replyTo: replies.address });
        await shops.call(shop.methods.sell, { item: 0 });
        await other.publish(message(replies.address!, body, type));
      }

    await shops.client(shop).sell({ item: 7 });
    await expect.poll(() => told.values.includes(7) && all.values.includes(7)).toBe(true);
    await other.declare({ queues: [deadQueue(mail.name)] });
    await expect
      .poll(async () => (await other.inspect(names.dead(mail.name)))?.messages ?? 0)
      .toBeGreaterThan(bodies.length * types.length);
    await shops.stop();
    for (const queue of queues.slice(0, 4)) expect((await other.inspect(queue))?.messages).toBe(0);
  });
});
