// Types only: what may be sent in a transaction, and what must not compile.
import { z } from "zod";
import { type App, contract, rpc, type Store, service } from "../src/index.ts";

const shop = contract("shop", {
  methods: { close: rpc() },
  events: { sold: z.object({ n: z.number() }) },
});
const stock = contract("stock", {
  methods: { take: rpc({ input: z.object({ n: z.number() }), output: z.number() }), count: rpc() },
});
declare const store: Store<{ readonly rows: number }>;
declare const app: App;

service(shop, {
  store,
  uses: { stock },
  methods: {
    async close(_, { db, emit, send, after, cancel }) {
      const rows: number = db.rows;
      await emit.sold({ n: rows }, { lane: "a" });
      const nothing: void = await send.stock.take({ n: 1 }, { lane: "a", timeoutMs: 10 });
      await send.stock.count();
      const id: string = await after(1_000).emit.sold({ n: 1 });
      await after(1_000).send.stock.take({ n: 1 });
      const taken: boolean = await cancel(id);
      // @ts-expect-error not what the event holds
      await emit.sold({ n: "1" });
      // @ts-expect-error not what the method takes
      await send.stock.take({ n: "1" });
      // @ts-expect-error no such method
      await send.stock.give({ n: 1 });
      // @ts-expect-error nobody hears when it comes
      await send.stock.take({ n: 1 }, { signal: AbortSignal.abort() });
      // @ts-expect-error it would hold up the lane
      await after(1).send.stock.take({ n: 1 }, { lane: "a" });
      // @ts-expect-error it would hold up the lane
      await after(1).emit.sold({ n: 1 }, { lane: "a" });
      return void [nothing, taken];
    },
  },
});

service(shop, {
  uses: { stock },
  methods: {
    async close(_, context) {
      await context.emit.sold({ n: 1 });
      // @ts-expect-error without a store nothing is kept in order
      await context.emit.sold({ n: 1 }, { lane: "a" });
      // @ts-expect-error without a store there is no transaction to send with
      context.send;
      // @ts-expect-error without a store there is nothing that remembers
      context.after;
    },
  },
});

const given: Promise<string> = app.transaction(store, async ({ db, emit, send, after, cancel }) => {
  const rows: number = db.rows;
  await emit(shop.events.sold, { n: rows }, { lane: "a", principal: { subject: "me", scopes: [] } });
  await send(stock.methods.take, { n: 1 }, { timeoutMs: 10 });
  await send(stock.methods.count);
  const id: string = await after(5).send(stock.methods.take, { n: 1 });
  await cancel(id);
  // @ts-expect-error not what the event holds
  await emit(shop.events.sold, { n: "1" });
  // @ts-expect-error an input is missing
  await send(stock.methods.take);
  // @ts-expect-error not what the method takes
  await after(1).send(stock.methods.take, { n: "1" });
  return "done";
});
void given;

const joined = app.join(store, { query: async () => ({ rows: [], changes: 0 }) });
void joined.emit(shop.events.sold, { n: 1 });
joined.committed();
// @ts-expect-error the application has its own client
joined.db;
