import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  app,
  attempt,
  type Conversations,
  contract,
  conversations,
  names,
  randomId,
  rpc,
  type Service,
  saga,
  service,
  silent,
  systemClock,
  systemRandom,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { transports } from "./shape-world.ts";
import { type FreshDatabase, freshPostgres, freshSqlite } from "./stores.ts";

vi.setConfig({ testTimeout: 30_000 });
const quick = { attempts: 2, baseMs: 1, capMs: 1 };
const kinds = { embedded: freshSqlite, rabbitmq: freshPostgres };

describe.each(transports)("conversations on %s", (transportName) => {
  let suffix: string;
  let database: FreshDatabase;
  let connect: () => Transport;
  let asked: Conversations;
  let shop: ReturnType<typeof shopContract>;
  let stock: ReturnType<typeof stockContract>;
  const running: App[] = [];
  const connected: Transport[] = [];

  const shopContract = () =>
    contract(`shop-${suffix}`, {
      events: { placed: z.object({ n: z.number() }), cancelled: z.object({ n: z.number() }) },
    });
  const stockContract = () => contract(`stock-${suffix}`, { methods: {} });

  beforeEach(async () => {
    suffix = randomId(systemRandom, 8);
    database = await kinds[transportName]();
    const broker = embeddedBroker();
    connect = () => {
      const made = transportName === "embedded" ? embedded({ broker }) : rabbitmq(amqpUrl());
      connected.push(made);
      return made;
    };
    shop = shopContract();
    stock = stockContract();
    asked = conversations(connect(), { waitMs: 2_000 });
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 200 })));
    await Promise.all(connected.splice(0).map((each) => each.close({ drainMs: 200 })));
  });

  async function start(services: readonly Service<any>[], more: object = {}): Promise<App> {
    const made = app({ transport: connect(), services, log: silent, ...more });
    running.push(made);
    await made.start();
    return made;
  }

  /** An event from outside, as the beginning of a conversation. */
  async function place(
    id: string,
    name: "placed" | "cancelled" = "placed",
    conversation = id,
  ): Promise<void> {
    await connected[0]!.publish({
      exchange: names.eventExchange,
      key: shop.events[name].id,
      type: shop.events[name].id,
      messageId: id,
      contentType: "application/json",
      body: Buffer.from(JSON.stringify({ n: 41_414 })),
      persistent: true,
      mandatory: false,
      headers: { "warren-conversation": conversation },
    });
  }

  function reserving(run: (event: any) => unknown = () => ({ hold: 7 })): Service<any> {
    const on = {
      [shop.events.placed.id]: { run, undo: { [shop.events.cancelled.id]: () => {} }, retry: quick },
    };
    return service(stock, { uses: { shop }, methods: {}, store: database.open(), on: on as never });
  }

  const stepsOf = async (id: string, options = {}) => {
    const { conversation, unanswered } = await asked.show(id, options);
    return { state: conversation?.state, steps: conversation?.steps ?? [], unanswered };
  };

  it("tells what was done, and then what was undone of it", async () => {
    await start([service(shop, { methods: {} }), reserving()]);
    const id = `c-${suffix}`;
    await place(id);
    await vi.waitFor(async () => expect((await stepsOf(id)).state).toBe("done"), 10_000);
    expect((await stepsOf(id)).steps).toMatchObject([
      { service: stock.name, kind: "reaction", name: shop.events.placed.id, state: "done", attempts: 1 },
    ]);
    await place(`${id}-2`, "cancelled", id);
    await vi.waitFor(async () => expect((await stepsOf(id)).state).toBe("undone"), 10_000);
    expect((await stepsOf(id)).steps[0]!.text).toContain(shop.events.cancelled.id);
  });

  it("says nothing of payloads unless it is asked to", async () => {
    await start([service(shop, { methods: {} }), reserving()]);
    const id = `c-${suffix}`;
    await place(id);
    await vi.waitFor(async () => expect((await stepsOf(id)).state).toBe("done"), 10_000);
    expect(JSON.stringify(await asked.show(id))).not.toContain("41414");
    expect(JSON.stringify(await asked.show(id, { data: true }))).toContain("41414");
  });

  it("tells of a dead letter as what it is stuck on, and finds the conversation by that", async () => {
    const fails = (): never => {
      throw new Error("no shelf");
    };
    await start([service(shop, { methods: {} }), reserving(fails)]);
    const id = `c-${suffix}`;
    await place(id);
    await vi.waitFor(async () => expect((await stepsOf(id)).state).toBe("stuck"), 15_000);
    const { steps } = await stepsOf(id);
    expect(steps).toContainEqual(
      expect.objectContaining({
        kind: "dead-letter",
        state: "stuck",
        error: expect.stringContaining("no shelf"),
      }),
    );
    const listed = await asked.list({ state: "stuck", service: stock.name });
    expect(listed.conversations.map((each) => each.id)).toEqual([id]);
  });

  it("counts the tries of what it says: of a reaction that was given up, and of a step that was undone", async () => {
    const fails = (): never => {
      throw new Error("no shelf");
    };
    const on = { [shop.events.placed.id]: { run: fails, gaveUp: () => {}, retry: quick } };
    const stocks = service(stock, { uses: { shop }, methods: {}, store: database.open(), on: on as never });
    const fulfil = saga(`fulfil-${suffix}`, { input: z.object({}), store: database.open(), uses: {} })
      .step("reserve", { do: () => {}, undo: () => {} })
      .step("pack", { do: fails, retry: quick })
      .finish();
    const made = await start([service(shop, { methods: {} }), stocks], { sagas: [fulfil] });
    const id = `c-${suffix}`;
    await place(id);
    await attempt(made.run(fulfil, {}, { id: "run-1" }));
    const conversation = (await made.sagas.show(fulfil, "run-1"))!.conversation;
    expect((await stepsOf(conversation)).steps.filter(({ kind }) => kind === "saga-step")).toMatchObject([
      { name: "pack", text: "failed", attempts: 2 },
      { name: "reserve", text: "undone", attempts: 1 },
    ]);
    const reaction = async () => (await stepsOf(id)).steps.find(({ kind }) => kind === "reaction");
    await vi.waitFor(async () => expect(await reaction()).toMatchObject({ text: "given up" }), 15_000);
    expect(await reaction()).toMatchObject({ attempts: 2 });
  });

  it("tells what a saga waits for, by which steps it came there", async () => {
    const fulfil = saga(`fulfil-${suffix}`, {
      input: z.object({ n: z.number() }),
      store: database.open(),
      uses: { shop },
    })
      .step("reserve", { do: () => ({ hold: 1 }), undo: () => {} })
      .waitFor("cancelled", shop.events.cancelled.id, {
        key: ({ n }: { n: number }) => String(n),
        equals: () => "5",
      })
      .finish();
    const made = await start([service(shop, { methods: {} })], { sagas: [fulfil] });
    await made.begin(fulfil, { n: 5 }, { id: "run-5" });
    const conversation = (await made.sagas.show(fulfil, "run-5"))!.conversation;
    await vi.waitFor(async () => expect((await stepsOf(conversation)).state).toBe("waiting"), 10_000);
    const { steps } = await stepsOf(conversation);
    expect(steps.find(({ kind }) => kind === "saga")).toMatchObject({
      name: "run-5",
      state: "waiting",
      text: `waits for ${shop.events.cancelled.id}, key 5`,
    });
    expect(steps).toContainEqual(
      expect.objectContaining({ kind: "saga-step", name: "reserve", state: "done" }),
    );
    const listed = await asked.list({ state: "waiting" });
    expect(listed.conversations.map((each) => each.id)).toContain(conversation);
  });

  it("merges what several services know into one timeline, and says it once where they share a store", async () => {
    const shared = database.open();
    const other = contract(`other-${suffix}`, { methods: {} });
    const on = { [shop.events.placed.id]: { run: () => {}, undo: { [shop.events.cancelled.id]: () => {} } } };
    await start([
      service(shop, { methods: {} }),
      service(stock, { uses: { shop }, methods: {}, store: shared, on: on as never }),
      service(other, { uses: { shop }, methods: {}, store: shared, on: on as never }),
    ]);
    const id = `c-${suffix}`;
    await place(id);
    await vi.waitFor(async () => expect((await stepsOf(id)).steps).toHaveLength(2), 10_000);
    const { conversation } = await asked.show(id);
    expect(conversation!.services).toEqual([other.name, stock.name]);
    const { steps } = conversation!;
    expect(steps.map(({ at }) => at)).toEqual(steps.map(({ at }) => at).sort());
  });

  it("finds what happened last first, page by page, and no more than asked for", async () => {
    await start([service(shop, { methods: {} }), reserving()]);
    const ids = Array.from({ length: 12 }, (_, i) => `c-${suffix}-${i}`);
    for (const id of ids) await place(id);
    await vi.waitFor(
      async () =>
        expect((await asked.list({ service: stock.name, limit: 100 })).conversations).toHaveLength(12),
      10_000,
    );
    const some = await asked.list({ service: stock.name, limit: 5 });
    expect(some.conversations).toHaveLength(5);
    const times = some.conversations.map(({ lastAt }) => lastAt);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect((await asked.list({ service: stock.name, state: "undone" })).conversations).toEqual([]);
    await new Promise<void>((resolve) => systemClock.after(5, resolve));
    expect((await asked.list({ service: stock.name, sinceMs: 1 })).conversations).toEqual([]);
  });

  it("asks over the transport of an app, whose own calls go on as before", async () => {
    const fleet = contract(`fleet-${suffix}`, { methods: { ping: rpc({ output: z.string() }) } });
    const transport = connect();
    const made = app({
      transport,
      services: [
        service(shop, { methods: {} }),
        service(fleet, { methods: { ping: () => "here" } }),
        reserving(),
      ],
      log: silent,
    });
    running.push(made);
    await made.start();
    const id = `c-${suffix}`;
    await place(id);
    const own = conversations(transport);
    await vi.waitFor(async () => expect((await own.show(id)).conversation?.state).toBe("done"), 10_000);
    expect(await made.client(fleet).ping()).toBe("here");
  });

  it("names the services that gave no answer", async () => {
    const made = await start([service(shop, { methods: {} }), reserving()]);
    running.pop();
    await made.stop();
    const { conversation, unanswered } = await asked.show("nobody-knows");
    expect(conversation).toBeUndefined();
    expect(unanswered.map(({ who }) => who)).toContain(stock.name);
    expect(unanswered.find(({ who }) => who === stock.name)!.why).toContain("UNAVAILABLE");
  });

  it("refuses a question that is none, and one for too much", async () => {
    const made = await start([service(shop, { methods: {} }), reserving()]);
    const { conversationsMethod } = await import("../src/conversations/question.ts");
    const method: any = { ...conversationsMethod(stock.name), spec: { kind: "rpc", input: z.any() } };
    for (const question of [
      undefined,
      "all",
      { ask: "steps", conversations: [], data: true, from: 0 },
      { ask: "steps", conversations: Array(51).fill("x"), data: false, from: 0 },
      { ask: "recent", open: false, since: 0, until: 1, limit: 1e9 },
    ]) {
      const answer = await attempt(made.call(method, question));
      expect(answer.ok).toBe(false);
      expect((answer as any).error.code).toBe("INVALID_INPUT");
    }
  });
});
