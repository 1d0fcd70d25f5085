import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Broker, embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  app,
  contract,
  Fault,
  type Incoming,
  names,
  rpc,
  type Service,
  service,
  silent,
} from "../src/index.ts";
import { deadQueue } from "../src/retry/topology.ts";

const shop = contract("shop", {
  methods: { sell: rpc({ input: z.object({ item: z.number() }) }) },
  events: { sold: z.object({ item: z.number() }), opened: z.object({ by: z.string() }) },
});
const mail = contract("mail", { methods: {} });
const books = contract("books", { methods: {} });
const fast = { attempts: 3, baseMs: 1, capMs: 1 };

const running: App[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop({ drainMs: 200 });
});

async function start(broker: Broker, ...services: Service<any>[]): Promise<App> {
  const made = app({ transport: embedded({ broker }), services, log: silent });
  running.push(made);
  await made.start();
  return made;
}

/** Collects values; `until(n)` resolves with all when there are n. */
function sink<T>() {
  const values: T[] = [];
  const waiting: { count: number; resolve: (values: T[]) => void }[] = [];
  return {
    values,
    put(value: T) {
      values.push(value);
      for (const each of waiting) if (values.length >= each.count) each.resolve(values);
    },
    until: (count: number): Promise<T[]> =>
      new Promise((resolve) => (values.length >= count ? resolve(values) : waiting.push({ count, resolve }))),
  };
}

async function deadLettersOf(broker: Broker, name: string) {
  const found = sink<Incoming>();
  const transport = embedded({ broker });
  await transport.declare({ queues: [deadQueue(name)] });
  await transport.consume(names.dead(name), (message) => (found.put(message), "ack"), { prefetch: 1 });
  return found;
}

describe("an event", () => {
  it("reaches every subscribing service once, whichever instance takes it", async () => {
    const broker = embeddedBroker();
    const [mailed, booked] = [sink<number>(), sink<number>()];
    const mailer = () =>
      service(mail, { uses: { shop }, methods: {}, on: { "shop.sold": ({ item }) => mailed.put(item) } });
    const keeper = service(books, {
      uses: { shop },
      methods: {},
      on: { "shop.sold": ({ item }) => booked.put(item) },
    });
    await start(broker, mailer());
    await start(broker, mailer(), keeper);
    const seller = await start(broker);
    await Promise.all([1, 2, 3, 4].map((item) => seller.emit(shop.events.sold, { item })));
    expect((await mailed.until(4)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    expect((await booked.until(4)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    expect(mailed.values).toHaveLength(4);
  });

  it("waits for a subscriber that is away", async () => {
    const broker = embeddedBroker();
    const mailed = sink<number>();
    const mailer = () =>
      service(mail, { uses: { shop }, methods: {}, on: { "shop.sold": ({ item }) => mailed.put(item) } });
    const first = await start(broker, mailer());
    const seller = await start(broker);
    await first.stop();
    await seller.emit(shop.events.sold, { item: 7 });
    await start(broker, mailer());
    expect(await mailed.until(1)).toEqual([7]);
  });

  it("reaches every instance where the reaction asks for that", async () => {
    const broker = embeddedBroker();
    const seen = sink<string>();
    const cache = () =>
      service(mail, {
        uses: { shop },
        methods: {},
        on: { "shop.sold": { to: "every-instance", run: (_, { instance }) => seen.put(instance) } },
      });
    const [a, b] = [await start(broker, cache()), await start(broker, cache())];
    await a.emit(shop.events.sold, { item: 1 });
    expect(new Set(await seen.until(2))).toEqual(new Set([a.instance, b.instance]));
  });

  it("is heard by a subscription of a process, as long as it lasts", async () => {
    const broker = embeddedBroker();
    const seen = sink<number>();
    const listener = await start(broker);
    const subscription = await listener.subscribe(shop.events.sold, ({ item }) => {
      seen.put(item);
      if (item === 1) throw new Error("only logged");
    });
    await listener.emit(shop.events.sold, { item: 1 });
    await listener.emit(shop.events.sold, { item: 2 });
    expect(await seen.until(2)).toEqual([1, 2]);
    await subscription.stop();
    await listener.emit(shop.events.sold, { item: 3 });
    expect(seen.values).toEqual([1, 2]);
  });

  it("that does not fit its contract is refused before it is sent", async () => {
    const seller = await start(embeddedBroker());
    await expect(seller.emit(shop.events.sold, { item: "one" } as never)).rejects.toMatchObject({
      code: "INVALID_EVENT",
    });
  });

  it("is emitted without anybody listening", async () => {
    const seller = await start(embeddedBroker());
    await expect(seller.emit(shop.events.opened, { by: "ada" })).resolves.toBeUndefined();
  });

  it("carries the conversation and the principal of the call that caused it, and CloudEvents attributes", async () => {
    const broker = embeddedBroker();
    const [calls, reactions, raw] = [sink<string>(), sink<unknown[]>(), sink<Incoming>()];
    const selling = service(shop, {
      methods: {
        sell: async ({ item }, { emit, conversation }) => {
          calls.put(conversation);
          await emit.sold({ item });
        },
      },
    });
    const mailer = service(mail, {
      uses: { shop },
      methods: {},
      on: {
        "shop.sold": (_, { conversation, principal }) => reactions.put([conversation, principal?.subject]),
      },
    });
    const spy = embedded({ broker });
    const all = await start(broker, selling, mailer);
    await spy.declare({
      queues: [{ name: "spy", type: "classic", lifetime: "connection" }],
      bindings: [{ queue: "spy", exchange: names.eventExchange, key: "#" }],
    });
    await spy.consume("spy", (message) => (raw.put(message), "ack"), { prefetch: 1 });
    await all.client(shop).sell({ item: 1 }, { principal: { subject: "ada", scopes: [] } });
    expect(await reactions.until(1)).toEqual([[calls.values[0], "ada"]]);
    const [message] = await raw.until(1);
    expect(message).toMatchObject({
      type: "shop.sold",
      contentType: "application/json",
      persistent: true,
      headers: { cloudEvents_specversion: "1.0", cloudEvents_source: "/services/shop" },
    });
    expect(Buffer.from(message!.body).toString()).toBe('{"item":1}');
  });
});

describe("a reaction that fails", () => {
  it("is tried again with the same message id and a rising attempt, and the messages behind it are not held up", async () => {
    const broker = embeddedBroker();
    const tries = sink<[number, number, string]>();
    const flaky = service(mail, {
      uses: { shop },
      methods: {},
      concurrency: 1,
      retry: fast,
      on: {
        "shop.sold": ({ item }, { attempt, messageId }) => {
          tries.put([item, attempt, messageId]);
          if (item === 1 && attempt < 3) throw new Error("not yet");
        },
      },
    });
    const all = await start(broker, flaky);
    await all.emit(shop.events.sold, { item: 1 });
    await all.emit(shop.events.sold, { item: 2 });
    const seen = await tries.until(4);
    expect(seen.map(([item, attempt]) => [item, attempt])).toEqual([
      [1, 1],
      [2, 1],
      [1, 2],
      [1, 3],
    ]);
    expect(new Set(seen.filter(([item]) => item === 1).map(([, , id]) => id)).size).toBe(1);
  });

  it("ends as a dead letter with reason, error, queue and attempt", async () => {
    const broker = embeddedBroker();
    const dead = await deadLettersOf(broker, "mail");
    const tries = sink<number>();
    const broken = service(mail, {
      uses: { shop },
      methods: {},
      retry: { ...fast, attempts: 2 },
      on: {
        "shop.sold": (_, { attempt }) => {
          tries.put(attempt);
          throw new Error("the printer is on fire");
        },
      },
    });
    const all = await start(broker, broken);
    await all.emit(shop.events.sold, { item: 1 });
    const [letter] = await dead.until(1);
    expect(tries.values).toEqual([1, 2]);
    expect(letter!.headers).toMatchObject({
      "warren-reason": "failed",
      "warren-error": "Error: the printer is on fire",
      "warren-queue": "mail.events",
      "warren-attempt": 2,
      "warren-instance": all.instance,
    });
    expect(Buffer.from(letter!.body).toString()).toBe('{"item":1}');
  });

  it("or never ends is aborted after its time, and tried again", async () => {
    const broker = embeddedBroker();
    const tries = sink<string>();
    const stuck = service(mail, {
      uses: { shop },
      methods: {},
      retry: fast,
      on: {
        "shop.sold": {
          timeoutMs: 30,
          run: (_, { attempt, signal }) => {
            tries.put(`try ${attempt}`);
            if (attempt > 1) return;
            signal.addEventListener("abort", () => tries.put("aborted"));
            return new Promise(() => {});
          },
        },
      },
    });
    const all = await start(broker, stuck);
    await all.emit(shop.events.sold, { item: 1 });
    expect(await tries.until(3)).toEqual(["try 1", "aborted", "try 2"]);
  });

  it("hands its deadline on to the calls it makes", async () => {
    const deadlines = sink<number>();
    const seller = service(shop, { methods: { sell: (_, { deadline }) => deadlines.put(deadline) } });
    const buyer = service(mail, {
      uses: { shop },
      methods: {},
      on: {
        "shop.sold": {
          timeoutMs: 5_000,
          run: (sold, { call, deadline }) => {
            deadlines.put(deadline);
            return call.shop.sell(sold);
          },
        },
      },
    });
    const all = await start(embeddedBroker(), seller, buyer);
    await all.emit(shop.events.sold, { item: 1 });
    const [reaction, call] = await deadlines.until(2);
    expect(call).toBe(reaction);
  });

  it("with a fault of its own is not tried again", async () => {
    const broker = embeddedBroker();
    const dead = await deadLettersOf(broker, "mail");
    const tries = sink<number>();
    const broken = service(mail, {
      uses: { shop },
      methods: {},
      retry: fast,
      on: {
        "shop.sold": (_, { attempt }) => {
          tries.put(attempt);
          throw new Fault("NO_SUCH_ITEM", {});
        },
      },
    });
    const all = await start(broker, broken);
    await all.emit(shop.events.sold, { item: 1 });
    expect((await dead.until(1))[0]!.headers).toMatchObject({ "warren-error": "NO_SUCH_ITEM: NO_SUCH_ITEM" });
    expect(tries.values).toEqual([1]);
  });
});

describe("bad messages on the event queue", () => {
  it.each([
    ["undecodable", "shop.sold", "\u0000garbage"],
    ["undecodable", "shop.sold", '{"item":1,"__proto__":{}}'],
    ["invalid", "shop.sold", '{"item":"one"}'],
    ["unknown", "shop.burnt", "{}"],
    ["unknown", undefined, ""],
  ])("%s: type %s, body %j becomes a dead letter and the rest goes on", async (reason, type, body) => {
    const broker = embeddedBroker();
    const dead = await deadLettersOf(broker, "mail");
    const mailed = sink<number>();
    const all = await start(
      broker,
      service(mail, { uses: { shop }, methods: {}, on: { "shop.sold": ({ item }) => mailed.put(item) } }),
    );
    const raw = embedded({ broker });
    await raw.publish({
      exchange: "",
      key: names.events("mail"),
      body: Buffer.from(body),
      persistent: true,
      mandatory: true,
      type,
    });
    expect((await dead.until(1))[0]!.headers).toMatchObject({ "warren-reason": reason });
    await all.emit(shop.events.sold, { item: 5 });
    expect(await mailed.until(1)).toEqual([5]);
  });
});

describe("stopping", () => {
  it("finishes what runs, takes nothing new, and leaves the rest in the queue", async () => {
    const broker = embeddedBroker();
    const done = sink<number>();
    const [entered, hold] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = service(mail, {
      uses: { shop },
      methods: {},
      concurrency: 1,
      on: {
        "shop.sold": async ({ item }) => {
          entered.resolve();
          await hold.promise;
          done.put(item);
        },
      },
    });
    const stopping = await start(broker, slow);
    const seller = await start(broker);
    await seller.emit(shop.events.sold, { item: 1 });
    await seller.emit(shop.events.sold, { item: 2 });
    await entered.promise;
    const stopped = stopping.stop({ drainMs: 5_000 });
    hold.resolve();
    await stopped;
    expect(done.values).toEqual([1]);
    const inspector = embedded({ broker });
    expect(await inspector.inspect(names.events("mail"))).toEqual({ messages: 1, consumers: 0 });
  });

  it("ends within the drain time though a handler does not, and gives its message back", async () => {
    const broker = embeddedBroker();
    const entered = sink<boolean>();
    const stuck = service(mail, {
      uses: { shop },
      methods: {},
      on: { "shop.sold": () => (entered.put(true), new Promise(() => {})) },
    });
    const stopping = await start(broker, stuck);
    const seller = await start(broker);
    await seller.emit(shop.events.sold, { item: 1 });
    await entered.until(1);
    await stopping.stop({ drainMs: 50 });
    const found = sink<number>();
    await start(
      broker,
      service(mail, { uses: { shop }, methods: {}, on: { "shop.sold": ({ item }) => found.put(item) } }),
    );
    expect(await found.until(1)).toEqual([1]);
  });
});

it("a listener that stopped leaves no queue behind for the events that it no longer hears", async () => {
  const broker = embeddedBroker({ maxQueueBytes: 10_000 });
  const listening = await start(broker);
  for (let i = 0; i < 10; i++) await (await listening.subscribe(shop.events.opened, () => {})).stop();
  for (let i = 0; i < 20; i++) await listening.emit(shop.events.opened, { by: "x".repeat(1_000) });
});
