import { describe, expect, it } from "vitest";
import { embeddedBroker } from "../src/embedded/index.ts";
import { app, Fault, names, type RetryPolicy, retryAfter, service, silent } from "../src/index.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import {
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

type Try = { readonly item: number; readonly attempt: number };

/** A service that does `react` on each sale. */
const onSale = (react: (sale: Try, tries: Try[]) => unknown, retry: RetryPolicy, tries = sink<Try>()) => ({
  tries,
  service: service(mail, {
    uses: { shop },
    methods: {},
    on: {
      "events-shop.sold": {
        retry,
        run: ({ item }, { attempt }) => {
          tries.put({ item, attempt });
          return react({ item, attempt }, tries.values);
        },
      },
    },
  }),
});

describe.each(transports)("retries, on %s", (transport) => {
  freshBroker(transport);

  it("at once do not leave the process: nothing comes between them", async () => {
    const { tries, service } = onSale(
      ({ item, attempt }) => {
        if (item === 1 && attempt < 4) throw new Error("deadlock");
      },
      { attempts: 5, immediate: 3, baseMs: 60_000, capMs: 60_000 },
    );
    const all = await start(service);
    await all.emit(shop.events.sold, { item: 1 });
    expect((await tries.until(4)).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  });

  it("with a policy of the handler's own go by that", async () => {
    const dead = await deadLettersOf(mail.name);
    const { tries, service } = onSale(
      ({ item }) => {
        throw item === 1 ? new TypeError("for ever") : new Error("for now");
      },
      { ...fast, when: (error) => !(error instanceof TypeError) },
    );
    const all = await start(service);
    await all.emit(shop.events.sold, { item: 1 });
    expect((await dead.until(1))[0]!.headers).toMatchObject({ "warren-attempt": 1 });
    await all.emit(shop.events.sold, { item: 2 });
    expect((await dead.until(2))[1]!.headers).toMatchObject({ "warren-attempt": 3 });
    expect(tries.values.map(({ item }) => item)).toEqual([1, 2, 2, 2]);
  });

  it("go through the same delay queue again and again", async () => {
    // RabbitMQ 3.10 drops a message as going in circles when the notes of its first stay are sent along.
    const { tries, service } = onSale(
      ({ attempt }) => {
        if (attempt < 5) throw new Error("not yet");
      },
      { attempts: 5, baseMs: 1, capMs: 1 },
    );
    const all = await start(service);
    await all.emit(shop.events.sold, { item: 1 });
    expect((await tries.until(5)).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
  });

  it("leave the message as it was: body, id, type, trail and foreign headers, without the broker's notes", async () => {
    const dead = await deadLettersOf(mail.name);
    const { service } = onSale(
      () => {
        throw new Error("never");
      },
      { ...fast, attempts: 2 },
    );
    await start(service);
    const original = {
      contentType: "application/json",
      type: "events-shop.sold",
      messageId: "m-1",
      correlationId: "c-1",
      appId: "elsewhere",
      timestampSeconds: 1_700_000_000,
      headers: {
        "warren-conversation": "talk",
        traceparent: "00-aa-bb-01",
        tenant: "t-1",
        "x-b3-traceid": "80f1",
        "x-delivery-count": 7,
      },
    };
    const body = Buffer.from('{"item":3}');
    await connect().publish({
      exchange: "",
      key: names.events(mail.name),
      body,
      persistent: true,
      mandatory: true,
      ...original,
    });
    const [letter] = await dead.until(1);
    expect(Buffer.from(letter!.body)).toEqual(body);
    const { headers, ...properties } = original;
    expect(letter).toMatchObject(properties);
    expect(letter!.headers).toMatchObject({
      "warren-conversation": "talk",
      traceparent: "00-aa-bb-01",
      tenant: "t-1",
    });
    expect(letter!.headers).toMatchObject({ "x-b3-traceid": "80f1" });
    const brokers = Object.keys(letter!.headers!).filter((name) => /^x-(?!b3-)/.test(name));
    expect(brokers.filter((name) => name !== "x-delivery-count")).toEqual([]);
    expect(letter!.headers!["x-delivery-count"] ?? 0).toBe(0);
  });

  it("that are over leave a letter with reason, error, stack, service, version, attempts and times", async () => {
    const dead = await deadLettersOf(mail.name);
    const { service } = onSale(function printing() {
      throw new Error("the printer is on fire", { cause: new Error("no paper") });
    }, fast);
    const all = app({ transport: connect(), services: [service], version: "2.4.1", log: silent });
    const before = Date.now();
    await all.start();
    await all.emit(shop.events.sold, { item: 1 });
    const { headers = {} } = (await dead.until(1))[0]!;
    await all.stop();
    expect(headers).toMatchObject({
      "warren-reason": "failed",
      "warren-error": "Error: the printer is on fire",
      "warren-service": mail.name,
      "warren-version": "2.4.1",
      "warren-instance": all.instance,
      "warren-queue": names.events(mail.name),
      "warren-attempt": 3,
    });
    expect(headers["warren-stack"]).toMatch(
      /the printer is on fire\n +at .*printing[\s\S]*caused by Error: no paper/,
    );
    const [first, last] = [headers["warren-first-failed-at"], headers["warren-failed-at"]].map((at) =>
      Date.parse(String(at)),
    );
    expect(first).toBeGreaterThanOrEqual(before);
    expect(last! - first!).toBeGreaterThanOrEqual(150);
  });

  it("of a declared fault leave its data in the letter", async () => {
    const dead = await deadLettersOf(mail.name);
    const { service } = onSale(() => {
      throw new Fault("CARD_DECLINED", { why: "expired" }, { from: "bank" });
    }, fast);
    const all = await start(service);
    await all.emit(shop.events.sold, { item: 1 });
    expect((await dead.until(1))[0]!.headers).toMatchObject({
      "warren-error": 'CARD_DECLINED: CARD_DECLINED {"why":"expired"}',
    });
  });
});

describe("a reaction that knows when to be tried again", () => {
  freshBroker("embedded");

  it("is tried no sooner, and its error's delay is no failure of others", async () => {
    const clock = virtualClock();
    useBroker(embeddedBroker({ clock }));
    const { tries, service } = onSale(
      ({ item, attempt }) => {
        if (item === 1 && attempt === 1) throw retryAfter(45_000, { message: "The bank opens at nine." });
      },
      { attempts: 2, immediate: 1, baseMs: 1, capMs: 1 },
    );
    const all = app({ transport: connect(), services: [service], clock, log: silent });
    await all.start();
    await all.emit(shop.events.sold, { item: 1 });
    await all.emit(shop.events.sold, { item: 2 });
    await clock.advance(44_999);
    expect(tries.values.map(({ item }) => item)).toEqual([1, 2]);
    await clock.advance(15_100);
    expect(tries.values).toEqual([
      { item: 1, attempt: 1 },
      { item: 2, attempt: 1 },
      { item: 1, attempt: 2 },
    ]);
    await all.stop();
  });
});

describe.each(transports)("a method that knows when to be called again, on %s", (transport) => {
  freshBroker(transport);

  it("tells its caller", async () => {
    const busy = service(shop, {
      methods: {
        sell: () => {
          throw retryAfter(2_000, { message: "The till is being counted." });
        },
      },
    });
    const all = await start(busy);
    const failure = await all
      .client(shop)
      .sell({ item: 1 })
      .catch((error) => error);
    expect(failure).toBeInstanceOf(Fault);
    expect(failure).toMatchObject({
      code: "UNAVAILABLE",
      from: shop.name,
      message: "The till is being counted.",
      data: { retryAfterMs: 2_000 },
    });
  });
});
