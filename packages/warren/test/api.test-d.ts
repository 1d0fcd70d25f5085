// What the types must accept and, marked, what they must reject. Checked by `npm run types`; nothing here runs.
import { z } from "zod";
import { embedded } from "../src/embedded/index.ts";
import {
  type App,
  app,
  attempt,
  contract,
  type Middleware,
  rpc,
  type Service,
  type Store,
  saga,
  service,
} from "../src/index.ts";
import { sqlite } from "../src/sqlite/index.ts";

const stock = contract("stock", {
  methods: {
    reserve: rpc({
      http: "POST /stock/:sku/reservations",
      input: z.object({ sku: z.string(), quantity: z.number().int().positive() }),
      output: z.object({ holdId: z.string() }),
      errors: { OUT_OF_STOCK: z.object({ left: z.number() }), CLOSED: { status: 409 } },
      timeoutMs: 2_000,
    }),
    release: rpc({ input: z.object({ key: z.string() }), idempotent: true }),
  },
  events: { depleted: z.object({ sku: z.string() }) },
});
const orders = contract("orders", {
  methods: {
    place: rpc({
      input: z.object({ sku: z.string(), quantity: z.coerce.number() }),
      output: z.object({ orderId: z.string() }),
    }),
    get: rpc({
      input: z.object({ orderId: z.string() }),
      output: z.object({ orderId: z.string(), status: z.enum(["open", "paid"]) }),
      idempotent: true,
    }),
    list: rpc({ output: z.array(z.string()) }),
    search: rpc({ input: z.object({ term: z.string() }).optional(), output: z.array(z.string()) }),
  },
  events: {
    placed: z.object({ orderId: z.string(), sku: z.string() }),
    cancelled: z.object({ orderId: z.string() }),
  },
});
const plain = contract("plain", { methods: { ping: rpc() } });
const vault = contract("vault", {
  methods: {
    mine: rpc({ output: z.string(), access: "authenticated" }),
    all: rpc({ output: z.string(), access: { scopes: ["read"] } }),
    open: rpc({ output: z.string() }),
  },
});

// A route is a verb and a path.
// @ts-expect-error no verb
rpc({ http: "/stock" });
// @ts-expect-error an unknown verb
rpc({ http: "FETCH /stock" });

export const stockService: Service = service(stock, {
  uses: { orders },
  methods: {
    async reserve({ sku, quantity }, { fail, emit, signal, principal }) {
      const count: number = quantity;
      if (count > 5) throw fail.OUT_OF_STOCK({ left: 0 });
      if (signal.aborted || principal?.subject === "nobody") throw fail.CLOSED();
      await emit.depleted({ sku });
      // @ts-expect-error the contract has no such event
      await emit.sold({ sku });
      // @ts-expect-error the event has another field
      await emit.depleted({ sk: sku });
      // @ts-expect-error an undeclared code
      if (count > 8) throw fail.NOPE({});
      // @ts-expect-error other data than declared
      if (count > 9) throw fail.OUT_OF_STOCK({ lef: 1 });
      return { holdId: "h1" };
    },
    async release({ key }) {
      key.toUpperCase();
    },
  },
  on: {
    "orders.placed": async (event, { call, log }) => {
      log.info({ orderId: event.orderId }, "placed");
      const { status } = await call.orders.get({ orderId: event.orderId });
      const known: "open" | "paid" = status;
      void known;
      // @ts-expect-error the event has no such field
      event.quantity;
    },
    "orders.cancelled": { to: "every-instance", retry: { attempts: 2 }, run: (event) => void event.orderId },
    "stock.depleted": (event) => void event.sku,
  },
});

// Where the contract asks for a principal, there is one.
service(vault, {
  methods: {
    mine: (_, { principal }) => principal.subject,
    all: (_, { principal }) => principal.scopes[0] ?? "",
    // @ts-expect-error here there may be none
    open: (_, { principal }) => principal.subject,
  },
});

// @ts-expect-error a method without a handler
service(orders, { methods: { place: async () => ({ orderId: "o" }) } });

service(orders, {
  methods: {
    place: async () => ({ orderId: "o" }),
    // @ts-expect-error an output that the contract does not allow
    get: async ({ orderId }) => ({ orderId, status: "bogus" }),
    list: () => ["a"],
    search: (input) => [input?.term ?? ""],
  },
});

service(plain, {
  methods: { ping() {} },
  // @ts-expect-error an event of a contract that is not in `uses`
  on: { "orders.placed": () => {} },
});

service(plain, {
  uses: { orders },
  methods: { ping() {} },
  on: {
    "orders.placed": { inOrder: ({ orderId }) => orderId, run: ({ orderId }) => void orderId },
  },
});

service(plain, {
  uses: { orders },
  methods: { ping() {} },
  // @ts-expect-error a key is a text
  on: { "orders.placed": { inOrder: () => 7, run: () => {} } },
});

service(plain, {
  uses: { orders },
  methods: { ping() {} },
  on: {
    "orders.placed": () => {},
    // @ts-expect-error an event that the contract does not have
    "orders.shipped": () => {},
  },
});

export const timed: Middleware = (next) => async (input, context) => {
  const result = await next(input, context);
  context.log.debug({ operation: context.operation.id }, "done");
  return result;
};

export async function calls(shop: App): Promise<void> {
  const client = shop.client(stock);
  const result = await attempt(client.reserve({ sku: "A1", quantity: 2 }, { timeoutMs: 500 }));
  if (!result.ok && result.error.code === "OUT_OF_STOCK") {
    const left: number = result.error.data.left;
    void left;
  }
  if (result.ok) {
    const id: string = result.value.holdId;
    void id;
  }
  // @ts-expect-error the value is there only where the call succeeded
  result.value;
  // @ts-expect-error a field of another type
  await client.reserve({ sku: 1, quantity: 2 });
  // @ts-expect-error a missing input
  await client.reserve();
  // @ts-expect-error a method that the contract does not have
  await client.buy({});
  await client.reserve(
    { sku: "A1", quantity: 2 },
    { to: "instance", ifDown: "fail", signal: AbortSignal.timeout(5) },
  );
  const nothing: void = await client.release({ key: "k" });
  void nothing;

  const list: string[] = await shop.client(orders).list();
  await shop.client(orders).list(undefined, { timeoutMs: 5 });
  // @ts-expect-error an input where none is declared
  await shop.client(orders).list("all");
  await shop.client(orders).search();
  await shop.client(orders).search({ term: list[0] ?? "" });

  for (const answer of await shop.every(stock).reserve({ sku: "A1", quantity: 1 }, { expect: 2 }))
    if (answer.ok) void (answer.value.holdId satisfies string);
    else void (answer.error.code satisfies string);

  await shop.emit(orders.events.placed, { orderId: "1", sku: "A1" });
  // @ts-expect-error a field is missing
  await shop.emit(orders.events.placed, { orderId: "1" });
  await shop.subscribe(orders.events.placed, (event) => void (event.sku satisfies string));
  const { orderId } = await shop.call(orders.methods.place, { sku: "A1", quantity: "2" });
  void (orderId satisfies string);
}

export const shop: App = app({
  transport: embedded(),
  services: [stockService],
  contracts: [orders],
  use: [timed],
});
// @ts-expect-error a contract is not a service
app({ transport: embedded(), services: [orders] });

// A reaction that can be undone: its undo knows the event that undoes it, and what `run` returned.
declare const shelf: Store<{ take(sku: string): Promise<number> }>;
service(plain, {
  uses: { orders, stock },
  store: shelf,
  methods: { ping() {} },
  on: (react) => ({
    "orders.placed": react({
      key: (event) => event.orderId,
      run: async ({ sku, orderId }, { db }) => ({ left: await db.take(sku), orderId, at: new Date() }),
      undo: {
        "orders.cancelled": async (event, { done, original, db, log }) => {
          const id: string = event.orderId;
          const left: number | undefined = done?.left;
          const at: Date | undefined = done?.at;
          log.info({ id, left, at, sku: original.sku }, "put back");
          await db.take(original.sku);
          // @ts-expect-error `run` may have failed
          done.left;
          // @ts-expect-error dates come back as they are
          done?.at.slice();
          // @ts-expect-error the event has no such field
          event.sku;
        },
      },
      gaveUp: (event, { error, db }) => void [event.orderId, error.message, db.take],
    }),
    "stock.depleted": (event) => void event.sku,
  }),
});
service(plain, {
  uses: { orders, stock },
  store: shelf,
  methods: { ping() {} },
  on: {
    "orders.placed": {
      key: (event: { readonly orderId: string }) => event.orderId,
      run: ({ sku }, { db }) => db.take(sku),
      undo: {
        "orders.cancelled": (event, { done, original }) => {
          void [event.orderId, original.sku];
          // @ts-expect-error only `react` knows what `run` returns
          done?.left;
        },
        // @ts-expect-error an event that no contract has
        "orders.shipped": () => {},
      },
    },
    "stock.depleted": (event) => void event.sku,
  },
});
service(plain, {
  uses: { orders, stock },
  store: shelf,
  methods: { ping() {} },
  on: (react) => ({
    "orders.placed": react({
      // @ts-expect-error an event that undoes it has no order
      key: (event) => event.orderId,
      run: ({ sku }) => ({ sku }),
      undo: { "stock.depleted": (event) => void event.sku },
    }),
  }),
});

// A handler of a service with a store has its client, and no other has.
service(vault, {
  store: shelf,
  methods: {
    mine: async (_, { db, key }) => {
      const taken: number = await db.take(key ?? "none");
      // @ts-expect-error the client has no such member
      await db.put("A1");
      return `${taken}`;
    },
    all: () => "",
    open: () => "",
  },
});
service(plain, {
  methods: {
    // @ts-expect-error there is no store
    ping: (_, { db }) => void db,
  },
});

export async function keys(shop: App): Promise<void> {
  await shop.client(stock).reserve({ sku: "A1", quantity: 2 }, { key: "k", to: "instance" });
  // @ts-expect-error a key is a text
  await shop.client(stock).reserve({ sku: "A1", quantity: 2 }, { key: 7 });
  // @ts-expect-error a key is for one answer
  await shop.every(stock).reserve({ sku: "A1", quantity: 2 }, { key: "k" });
}

// A saga: each step knows what those before it gave, and nothing else.
const checkout = saga("checkout", {
  input: z.object({ sku: z.string(), cents: z.coerce.number() }),
  uses: { stock, orders },
  store: sqlite(),
})
  .step("reserve", {
    do: ({ input, call }) => call.stock.reserve({ sku: input.sku, quantity: 1 }),
    undo: ({ result, completed, call, key }) => {
      const hold: string | undefined = result?.holdId;
      return completed && hold !== undefined ? call.stock.release({ key }) : undefined;
    },
  })
  .parallel((all) =>
    all
      .step("place", {
        do: ({ done, call }) => call.orders.place({ sku: done.reserve.holdId, quantity: 1 }),
        undo: ({ result }) => void (result satisfies { orderId: string } | undefined),
      })
      // @ts-expect-error steps that run at the same time do not have what the others give
      .step("note", { do: async ({ done, db }) => [done.place, await db.query("select 1")] }),
  )
  .waitFor("cancelled", "orders.cancelled", {
    key: (event) => event.orderId,
    equals: ({ done }) => done.place.orderId,
  })
  .sleep("rest", ({ done }) => done.cancelled.orderId.length)
  .finish(({ done, id }) => ({ id, order: done.place.orderId }));

saga("wrong", { input: z.object({ a: z.string() }), uses: { orders }, store: sqlite() })
  .step("one", { do: ({ input }) => input.a.length })
  // @ts-expect-error no step of that name yet
  .step("two", { do: ({ done }) => done.three })
  // @ts-expect-error a name that another step has
  .step("one", { do: () => 1 })
  // @ts-expect-error an event that no contract in `uses` has
  .waitFor("gone", "orders.shipped", { key: () => "" });

// @ts-expect-error a saga has to be kept somewhere
saga("lost", { input: z.object({}) });

export async function runs(shop: App): Promise<void> {
  const { order, id } = await shop.run(checkout, { sku: "A1", cents: "5" }, { id: "o-1" });
  void (`${order} ${id}` satisfies string);
  // @ts-expect-error another input than the saga takes
  await shop.run(checkout, { cents: 5 }, { id: "o-1" });
  // @ts-expect-error a run has an id
  await shop.begin(checkout, { sku: "A1", cents: 5 }, {});
  app({ transport: embedded(), sagas: [checkout] });
  // @ts-expect-error a saga that is not finished
  app({ transport: embedded(), sagas: [saga("half", { input: z.object({}), store: sqlite() })] });
}

service(plain, {
  store: sqlite(),
  methods: { ping: (_, { begin }) => begin(checkout, { sku: "A1", cents: 5 }, { id: "o-1" }) },
});

service(plain, {
  // @ts-expect-error only a handler whose service has a store begins one with what it changes
  methods: { ping: (_, { begin }) => begin },
});
