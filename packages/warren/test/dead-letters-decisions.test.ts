import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import {
  app,
  contract,
  type Decision,
  headers,
  type Incoming,
  letterBody,
  names,
  service,
  silent,
  type Transport,
} from "../src/index.ts";
import { tcpProxy } from "../src/testing/tcp-proxy.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import { deadWorld } from "./dead-letters-world.ts";
import { sink } from "./events-world.ts";
import { deletedLater } from "./rabbit.ts";
import { transports } from "./shape-world.ts";

describe.each(transports)("deciding dead letters, on %s", (transport) => {
  const w = deadWorld(transport);
  const here = () => ({ services: [w().service] });
  const left = async () => (await w().letters.list(here())).letters.map(({ id }) => id);

  it("replays to the queue that failed and to no other subscriber, as if the event were new", async () => {
    const { service: name } = w();
    const news = contract(`${name}-news`, { events: { out: z.object({ n: z.number() }) } });
    const mailer = contract(name, { methods: {} });
    const [mailed, heard] = [sink<number[]>(), sink<number>()];
    let broken = true;
    const failing = service(mailer, {
      uses: { news },
      methods: {},
      retry: { attempts: 2, baseMs: 1, capMs: 1 },
      on: {
        [news.events.out.id]: ({ n }: { n: number }, { attempt }: { attempt: number }) => {
          if (broken) throw new Error("the mail server is away");
          mailed.put([n, attempt]);
        },
      } as never,
    });
    // The queue of the other one's dead letters is there already, so only this one starts for the first time.
    const newcomer = `${name}-new`;
    if (transport === "rabbitmq")
      for (const each of [names.requests(newcomer), names.dead(newcomer)]) await deletedLater(each);
    const running = app({
      transport: w().connect(),
      services: [failing as never, service(contract(newcomer, {}), { methods: {} })],
      log: silent,
      version: "7",
    });
    onTestFinished(() => running.stop({ drainMs: 200 }));
    await running.start();
    await running.subscribe(news.events.out, ({ n }) => heard.put(n));
    await running.emit(news.events.out, { n: 1 });
    await heard.until(1);
    await expect.poll(async () => (await w().letters.list(here())).matched, { timeout: 10_000 }).toBe(1);
    expect(await w().letters.services()).toContain(newcomer);
    const [letter] = (await w().letters.list(here())).letters;
    expect(letter).toMatchObject({ reason: "failed", attempts: 2, error: "Error: the mail server is away" });

    broken = false;
    expect(await w().letters.replay(here())).toMatchObject({ done: 1, stayed: [] });
    expect(await mailed.until(1)).toEqual([[1, 1]]);
    expect(heard.values).toEqual([1]);
    expect(await left()).toEqual([]);

    broken = true;
    await running.emit(news.events.out, { n: 2 });
    await expect.poll(async () => (await w().letters.list(here())).matched, { timeout: 10_000 }).toBe(1);
    await w().letters.replay(here());
    await expect
      .poll(async () => (await w().letters.list(here())).letters[0], { timeout: 10_000 })
      .toMatchObject({ replayed: 1, attempts: 2 });
  });

  it("takes off what made it a dead letter, and keeps what the message was", async () => {
    const queue = await w().queue("events");
    const own = { tenant: "acme", traceparent: "00-1-2-01", [headers.conversation]: "talk" };
    await w().put({ id: "m", queue, body: '{"a":1}', more: { ...own, [headers.stack]: "s" } });
    await w().letters.replay(here());
    const { promise, resolve } = Promise.withResolvers<Incoming>();
    const consumer = await w().transport.consume(queue, (m) => (resolve(m), "ack"), { prefetch: 1 });
    const message = await promise;
    await consumer.stop();
    expect(message).toMatchObject({
      messageId: "m",
      contentType: "application/json",
      type: `${w().service}.sold`,
      persistent: true,
    });
    // RabbitMQ 3.10 counts deliveries in a header from the first on.
    const { "x-delivery-count": _, ...rest } = message.headers ?? {};
    expect(rest).toEqual({ ...own, [headers.replayed]: 1 });
  });

  it("does nothing in a dry run but say what it would do", async () => {
    const queue = await w().queue("events");
    await w().put({ id: "a", queue }, { id: "b", queue }, { id: "c", queue: `${w().service}.gone` });
    const would: Decision = await w().letters.replay(here(), { dryRun: true });
    expect(would).toMatchObject({ done: 2, parts: [{ queue, count: 2 }], stayed: [{ id: "c" }] });
    expect(await w().letters.discard(here(), { dryRun: true })).toMatchObject({ done: 3 });
    expect(await w().letters.edit("a", { body: "1" }, { ...here(), dryRun: true })).toMatchObject({
      done: 1,
    });
    expect(await left()).toEqual(["a", "b", "c"]);
    expect(await w().drain(queue)).toEqual([]);
  });

  it("leaves a letter whose queue is gone, and says why", async () => {
    const queue = await w().queue("events");
    await w().put({ id: "a", queue: `${w().service}.gone` }, { id: "b", queue });
    const { done, stayed } = await w().letters.replay(here());
    expect(done).toBe(1);
    expect(stayed).toEqual([
      { id: "a", service: w().service, why: `its queue ${w().service}.gone does not exist any more` },
    ]);
    expect(await left()).toEqual(["a"]);
  });

  it("replays and discards what the filter means, up to its limit, and the rest keeps its order", async () => {
    const queue = await w().queue("events");
    await w().put(
      ...["a", "b", "c", "d", "e", "f"].map((id, n) => ({ id, queue, body: `"${id}"`, type: `t.${n % 2}` })),
    );
    expect(await w().letters.replay({ ...here(), types: ["t.1"], limit: 2 })).toMatchObject({ done: 2 });
    expect(await w().drain(queue)).toEqual(['"b"', '"d"']);
    expect(await left()).toEqual(["a", "c", "e", "f"]);
    expect(await w().letters.discard({ ...here(), ids: ["c"] })).toMatchObject({ done: 1 });
    expect(await left()).toEqual(["a", "e", "f"]);
  });

  it("decides more letters than it may hold, and none that came in meanwhile", async () => {
    // Each fails again at once: it comes back to where it was replayed from.
    const deadLetter = { exchange: "", key: names.dead(w().service) };
    const queue = await w().queue("events", { messageTtlMs: 1, deadLetter });
    await w().put(...Array.from({ length: 50 }, () => ({ queue })));
    const few = w().open({ maxLetters: 8 });
    expect(await few.replay(here())).toMatchObject({ done: 50, stayed: [], unseen: 0 });
    await vi.waitFor(async () => {
      const { letters } = await w().letters.list(here());
      expect(letters.map(({ replayed }) => replayed)).toEqual(Array(50).fill(1));
    });
  });

  it("acts on all letters of one id, and changes a letter in its place of waiting", async () => {
    const queue = await w().queue("events");
    await w().put({ id: "twice", queue }, { id: "other", queue }, { id: "twice", queue });
    const changed = await w().letters.edit(
      "twice",
      { body: '{"n":"mended"}', headers: { tenant: "acme", [headers.error]: undefined } },
      here(),
    );
    expect(changed).toMatchObject({ done: 2, stayed: [] });
    expect(await left()).toEqual(["other", "twice", "twice"]);
    const [letter] = await w().letters.show("twice", here());
    expect(await letterBody(letter!)).toEqual({ json: { n: "mended" } });
    expect(letter).toMatchObject({ reason: "failed", queue, error: undefined, headers: { tenant: "acme" } });
    expect(letter!.editedAt).toBeGreaterThan(0);
    expect(await w().letters.replay({ ...here(), ids: ["twice"] })).toMatchObject({ done: 2 });
    expect(await w().drain(queue)).toEqual(['{"n":"mended"}', '{"n":"mended"}']);
  });

  it("keeps the id of a letter that had none when it is changed", async () => {
    await w().put({ id: undefined });
    const [id] = await left();
    await w().letters.edit(id!, { body: "{}" }, here());
    expect(await left()).toEqual([id]);
  });

  it("refuses a body that is no JSON, and changes nothing", async () => {
    await w().put({ id: "a", body: "1" });
    await expect(w().letters.edit("a", { body: "{oops" }, here())).rejects.toMatchObject({
      code: "BAD_MESSAGE",
    });
    const [letter] = await w().letters.show("a", here());
    expect(await letterBody(letter!)).toEqual({ json: 1 });
  });

  it("stops between two letters when it is told to: each is in one place", async () => {
    const queue = await w().queue("events");
    await w().put(...Array.from({ length: 40 }, (_, n) => ({ id: String(n), body: String(n), queue })));
    const stop = new AbortController();
    const { done } = await w().letters.replay(here(), {
      perSecond: 2_000,
      signal: stop.signal,
      onProgress: ({ done }) => done === 5 && stop.abort(),
    });
    expect(done).toBeGreaterThanOrEqual(5);
    expect(done).toBeLessThan(40);
    const replayed = await w().drain(queue);
    expect([...replayed, ...(await left())].map(Number)).toEqual([...Array(40).keys()]);
  });

  it("puts back what it holds when the broker no longer says how many there are", async () => {
    const { open, put, service, transport, connect, queue } = w();
    const failed = await queue("events");
    await put({ body: "1", queue: failed }, { body: "2", queue: failed }, { body: "3", queue: failed });
    let silent = false;
    const forgetful = new Proxy(transport, {
      get(target, name) {
        if (name === "inspect" && silent) return () => Promise.reject(new Error("no answer"));
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    const onProgress = (): void => {
      silent = true;
    };
    const replaying = open({}, forgetful).replay({ services: [service], limit: 1 }, { onProgress });
    await expect(replaying).rejects.toThrow(/no answer/);
    await expect.poll(() => connect().inspect(names.dead(service))).toMatchObject({ messages: 2 });
  });

  it("leaves everything where it is when the connection is lost in the middle of a look", async () => {
    const queue = await w().queue("events");
    await w().put(...Array.from({ length: 100 }, (_, n) => ({ id: String(n), body: String(n), queue })));
    const { on, cut } = await cuttable();
    const replaying = w()
      .open({}, on)
      .replay(here(), {
        perSecond: 1_000,
        onProgress: ({ done }) => done === 10 && cut(),
      });
    await expect(replaying).rejects.toMatchObject({ code: "UNAVAILABLE" });
    // What was in hand comes back when the broker has noticed.
    await expect.poll(async () => (await left()).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(80);
    const there = new Set([...(await w().drain(queue)), ...(await left())].map(Number));
    expect(there.size).toBe(100);
  });

  /** A second connection, and what breaks it. */
  async function cuttable(): Promise<{ on: Transport; cut(): void }> {
    if (transport === "embedded") {
      const on = w().connect();
      return { on, cut: () => w().broker.cut(on) };
    }
    const url = new URL(amqpUrl());
    const proxy = await tcpProxy({ host: url.hostname, port: Number(url.port || 5672) });
    onTestFinished(() => proxy.close());
    url.hostname = proxy.host;
    url.port = String(proxy.port);
    return { on: w().connect(url.href), cut: () => void proxy.cut() };
  }
});

describe("a slow replay", () => {
  const clock = virtualClock();
  const w = deadWorld("embedded", clock);

  it("keeps to its rate", async () => {
    const queue = await w().queue("events");
    await w().put(...Array.from({ length: 11 }, () => ({ queue })));
    const at: number[] = [];
    const begin = clock.now();
    const replaying = w().letters.replay(
      { services: [w().service] },
      { perSecond: 2, onProgress: () => at.push(clock.now() - begin) },
    );
    await clock.advance(10_000);
    expect(await replaying).toMatchObject({ done: 11 });
    expect(at).toEqual(Array.from({ length: 11 }, (_, n) => n * 500));
  });

  it("lets go of the letters now and then, before the broker takes them back", async () => {
    const queue = await w().queue("events");
    await w().put(...Array.from({ length: 20 }, () => ({ queue })), { type: "other" });
    const replaying = w().letters.replay(
      { services: [w().service], types: [`${w().service}.sold`] },
      { perSecond: 0.02 },
    );
    await clock.advance(1_500_000);
    expect(await replaying).toMatchObject({ done: 20, stayed: [] });
    expect(await w().drain(queue)).toHaveLength(20);
    // The one that stayed has been put back each time.
    const { promise, resolve } = Promise.withResolvers<number>();
    await w().transport.consume(names.dead(w().service), ({ returns }) => (resolve(returns), "ack"), {
      prefetch: 1,
    });
    expect(await promise).toBeGreaterThan(2);
  });

  it("refuses a rate that is none", async () => {
    await expect(w().letters.replay({ services: [w().service] }, { perSecond: 0 })).rejects.toThrow(
      /perSecond/,
    );
  });
});

describe.each(transports)("an event that nobody heard, on %s", (transport) => {
  const w = deadWorld(transport);

  it("is replayed to those who subscribe by then, and says so while nobody does", async () => {
    const news = contract(`${w().service}-unheard`, { events: { out: z.string() } });
    const speaker = app({ transport: w().connect(), log: silent });
    onTestFinished(() => speaker.stop({ drainMs: 200 }));
    await speaker.start();
    await speaker.emit(news.events.out, "hello");
    const filter = { services: [names.unheard], types: [news.events.out.id] };
    await expect
      .poll(async () => (await w().letters.list(filter)).letters)
      .toMatchObject([{ reason: "unheard" }]);
    expect((await w().letters.replay(filter)).done).toBe(1);
    await expect.poll(async () => (await w().letters.list(filter)).letters).toMatchObject([{ replayed: 1 }]);
    const heard = sink<string>();
    await speaker.subscribe(news.events.out, (text) => heard.put(text));
    expect(await w().letters.replay(filter)).toMatchObject({ done: 1, unheardAgain: 0 });
    expect(await heard.until(1)).toEqual(["hello"]);
    expect((await w().letters.list(filter)).matched).toBe(0);
  });
});
