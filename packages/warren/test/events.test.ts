import { describe, expect, it } from "vitest";
import { embeddedBroker } from "../src/embedded/index.ts";
import { Fault, type Incoming, names, service } from "../src/index.ts";
import {
  books,
  connect,
  deadLettersOf,
  fast,
  freshBroker,
  mail,
  shop,
  sink,
  start,
  useBroker,
} from "./events-world.ts";
import { transports } from "./shape-world.ts";

describe.each(transports)("an event, on %s", (transport) => {
  freshBroker(transport);

  it("reaches every subscribing service once, whichever instance takes it", async () => {
    const [mailed, booked] = [sink<number>(), sink<number>()];
    const mailer = () =>
      service(mail, {
        uses: { shop },
        methods: {},
        on: { "events-shop.sold": ({ item }) => mailed.put(item) },
      });
    const keeper = service(books, {
      uses: { shop },
      methods: {},
      on: { "events-shop.sold": ({ item }) => booked.put(item) },
    });
    await start(mailer());
    await start(mailer(), keeper);
    const seller = await start();
    await Promise.all([1, 2, 3, 4].map((item) => seller.emit(shop.events.sold, { item })));
    expect((await mailed.until(4)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    expect((await booked.until(4)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    expect(mailed.values).toHaveLength(4);
  });

  it("waits for a subscriber that is away", async () => {
    const mailed = sink<number>();
    const mailer = () =>
      service(mail, {
        uses: { shop },
        methods: {},
        on: { "events-shop.sold": ({ item }) => mailed.put(item) },
      });
    const first = await start(mailer());
    const seller = await start();
    await first.stop();
    await seller.emit(shop.events.sold, { item: 7 });
    await start(mailer());
    expect(await mailed.until(1)).toEqual([7]);
  });

  it("reaches every instance where the reaction asks for that", async () => {
    const seen = sink<string>();
    const cache = () =>
      service(mail, {
        uses: { shop },
        methods: {},
        on: { "events-shop.sold": { to: "every-instance", run: (_, { instance }) => seen.put(instance) } },
      });
    const [a, b] = [await start(cache()), await start(cache())];
    await a.emit(shop.events.sold, { item: 1 });
    expect(new Set(await seen.until(2))).toEqual(new Set([a.instance, b.instance]));
  });

  it("is heard by a subscription of a process, as long as it lasts", async () => {
    const seen = sink<number>();
    const listener = await start();
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
    const seller = await start();
    await expect(seller.emit(shop.events.sold, { item: "one" } as never)).rejects.toMatchObject({
      code: "INVALID_EVENT",
    });
  });

  it("is emitted without anybody listening", async () => {
    const seller = await start();
    await expect(seller.emit(shop.events.opened, { by: "ada" })).resolves.toBeUndefined();
  });

  it("carries the conversation and the principal of the call that caused it, and CloudEvents attributes", async () => {
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
        "events-shop.sold": (_, { conversation, principal }) =>
          reactions.put([conversation, principal?.subject]),
      },
    });
    const spy = connect();
    const all = await start(selling, mailer);
    await spy.declare({
      queues: [{ name: "spy", type: "classic", lifetime: "connection" }],
      bindings: [{ queue: "spy", exchange: names.eventExchange, key: "#" }],
    });
    await spy.consume("spy", (message) => (raw.put(message), "ack"), { prefetch: 1 });
    await all.client(shop).sell({ item: 1 }, { principal: { subject: "ada", scopes: [] } });
    expect(await reactions.until(1)).toEqual([[calls.values[0], "ada"]]);
    const [message] = await raw.until(1);
    expect(message).toMatchObject({
      type: "events-shop.sold",
      contentType: "application/json",
      persistent: true,
      headers: { cloudEvents_specversion: "1.0", cloudEvents_source: "/services/events-shop" },
    });
    expect(Buffer.from(message!.body).toString()).toBe('{"item":1}');
  });
});

describe.each(transports)("a reaction that fails, on %s", (transport) => {
  freshBroker(transport);

  it("is tried again with the same message id and a rising attempt, and the messages behind it are not held up", async () => {
    const tries = sink<[number, number, string]>();
    const flaky = service(mail, {
      uses: { shop },
      methods: {},
      concurrency: 1,
      retry: fast,
      on: {
        "events-shop.sold": ({ item }, { attempt, messageId }) => {
          tries.put([item, attempt, messageId]);
          if (item === 1 && attempt < 3) throw new Error("not yet");
        },
      },
    });
    const all = await start(flaky);
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
    const dead = await deadLettersOf(mail.name);
    const tries = sink<number>();
    const broken = service(mail, {
      uses: { shop },
      methods: {},
      retry: { ...fast, attempts: 2 },
      on: {
        "events-shop.sold": (_, { attempt }) => {
          tries.put(attempt);
          throw new Error("the printer is on fire");
        },
      },
    });
    const all = await start(broken);
    await all.emit(shop.events.sold, { item: 1 });
    const [letter] = await dead.until(1);
    expect(tries.values).toEqual([1, 2]);
    expect(letter!.headers).toMatchObject({
      "warren-reason": "failed",
      "warren-error": "Error: the printer is on fire",
      "warren-queue": "events-mail.events",
      "warren-attempt": 2,
      "warren-instance": all.instance,
    });
    expect(Buffer.from(letter!.body).toString()).toBe('{"item":1}');
  });

  it("or never ends is aborted after its time, and tried again", async () => {
    const tries = sink<string>();
    const stuck = service(mail, {
      uses: { shop },
      methods: {},
      retry: fast,
      on: {
        "events-shop.sold": {
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
    const all = await start(stuck);
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
        "events-shop.sold": {
          timeoutMs: 5_000,
          run: (sold, { call, deadline }) => {
            deadlines.put(deadline);
            return call.shop.sell(sold);
          },
        },
      },
    });
    const all = await start(seller, buyer);
    await all.emit(shop.events.sold, { item: 1 });
    const [reaction, call] = await deadlines.until(2);
    expect(call).toBe(reaction);
  });

  it("with a fault of its own is not tried again", async () => {
    const dead = await deadLettersOf(mail.name);
    const tries = sink<number>();
    const broken = service(mail, {
      uses: { shop },
      methods: {},
      retry: fast,
      on: {
        "events-shop.sold": (_, { attempt }) => {
          tries.put(attempt);
          throw new Fault("NO_SUCH_ITEM", {});
        },
      },
    });
    const all = await start(broken);
    await all.emit(shop.events.sold, { item: 1 });
    expect((await dead.until(1))[0]!.headers).toMatchObject({ "warren-error": "NO_SUCH_ITEM: NO_SUCH_ITEM" });
    expect(tries.values).toEqual([1]);
  });
});

describe.each(transports)("bad messages on the event queue, on %s", (transport) => {
  freshBroker(transport);

  it.each([
    ["undecodable", "events-shop.sold", "\u0000garbage"],
    ["undecodable", "events-shop.sold", '{"item":1,"__proto__":{}}'],
    ["invalid", "events-shop.sold", '{"item":"one"}'],
    ["unknown", "events-shop.burnt", "{}"],
    ["unknown", undefined, ""],
  ])("%s: type %s, body %j becomes a dead letter and the rest goes on", async (reason, type, body) => {
    const dead = await deadLettersOf(mail.name);
    const mailed = sink<number>();
    const all = await start(
      service(mail, {
        uses: { shop },
        methods: {},
        on: { "events-shop.sold": ({ item }) => mailed.put(item) },
      }),
    );
    const raw = connect();
    await raw.publish({
      exchange: "",
      key: names.events(mail.name),
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

describe.each(transports)("stopping, on %s", (transport) => {
  freshBroker(transport);

  it("finishes what runs, takes nothing new, and leaves the rest in the queue", async () => {
    const done = sink<number>();
    const [entered, hold] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = service(mail, {
      uses: { shop },
      methods: {},
      concurrency: 1,
      on: {
        "events-shop.sold": async ({ item }) => {
          entered.resolve();
          await hold.promise;
          done.put(item);
        },
      },
    });
    const stopping = await start(slow);
    const seller = await start();
    for (let item = 1; item <= 20; item++) await seller.emit(shop.events.sold, { item });
    await entered.promise;
    const stopped = stopping.stop({ drainMs: 5_000 });
    hold.resolve();
    await stopped;
    // A broker may hand out another one before it reads that the consumer is gone: that is done as well.
    expect(done.values[0]).toBe(1);
    expect(done.values.length).toBeLessThan(10);
    const left = await connect().inspect(names.events(mail.name));
    expect(left).toEqual({ messages: 20 - done.values.length, consumers: 0 });
  });

  it("ends within the drain time though a handler does not, and gives its message back", async () => {
    const entered = sink<boolean>();
    const stuck = service(mail, {
      uses: { shop },
      methods: {},
      // The only try it has: an interruption is none.
      retry: { attempts: 1 },
      on: { "events-shop.sold": () => (entered.put(true), new Promise(() => {})) },
    });
    const stopping = await start(stuck);
    const seller = await start();
    await seller.emit(shop.events.sold, { item: 1 });
    await entered.until(1);
    await stopping.stop({ drainMs: 50 });
    const found = sink<number>();
    await start(
      service(mail, {
        uses: { shop },
        methods: {},
        on: { "events-shop.sold": ({ item }) => found.put(item) },
      }),
    );
    expect(await found.until(1)).toEqual([1]);
  });
});

describe("a listener", () => {
  freshBroker("embedded");

  it("that stopped leaves no queue behind for the events that it no longer hears", async () => {
    // Beside those events that nobody heard, it has room for three.
    useBroker(embeddedBroker({ maxQueueBytes: 20 * 2 ** 20 }));
    const listening = await start();
    for (let i = 0; i < 10; i++) await (await listening.subscribe(shop.events.opened, () => {})).stop();
    for (let i = 0; i < 20; i++) await listening.emit(shop.events.opened, { by: "x".repeat(2 ** 20) });
  });
});
