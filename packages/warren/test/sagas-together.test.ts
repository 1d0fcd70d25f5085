import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { embedded } from "../src/embedded/index.ts";
import { app, contract, Fault, rpc, type Store, saga, service, silent } from "../src/index.ts";
import { fast, order, payments, sagaWorld, stores, threeSteps } from "./sagas-world.ts";
import { faultOf } from "./shape-world.ts";

const book = { sku: "book", cents: 100 };

describe.each(stores)("a saga and the services around it, on $name", (kind) => {
  const world = sagaWorld(kind);

  const counters = contract("counters", {
    methods: {
      add: rpc({ input: z.object({ n: z.number() }), output: z.number() }),
      addThrice: rpc({ input: z.object({ n: z.number() }), output: z.number(), idempotent: true }),
    },
    events: { added: z.object({ n: z.number() }) },
  });

  it("has the calls of a step done once, however often it is tried, where the service keeps its answers", async () => {
    const store = world().store();
    const total = { value: 0 };
    const counting = service(counters, {
      store: world().store(),
      methods: { add: ({ n }) => (total.value += n), addThrice: ({ n }) => n },
    });
    let tries = 0;
    const adding = saga("adding", { input: z.object({}), uses: { counters }, store, retry: fast })
      .step("add", {
        async do({ call }) {
          const first = await call.counters.add({ n: 1 });
          const second = await call.counters.add({ n: 10 });
          if (++tries < 3) throw new Error("not yet");
          return [first, second];
        },
        undo: ({ call }) => call.counters.add({ n: -11 }),
      })
      .step("fail", {
        do: ({ id }) => {
          if (id === "bad") throw new Fault("NO", {});
        },
      })
      .finish(({ done }) => done.add);
    const shop = await world().start({ sagas: [adding], services: [counting] });
    expect(await shop.run(adding, {}, { id: "good" })).toEqual([1, 11]);
    expect([tries, total.value]).toEqual([3, 11]);
    tries = 0;
    expect(await faultOf(shop.run(adding, {}, { id: "bad" }))).toMatchObject({ code: "NO" });
    // Forward once, back once, under another key although it is the same method.
    expect(total.value).toBe(11);
  });

  it("calls a service that keeps no answers as well, and gives it the key to make its own", async () => {
    const keys: string[] = [];
    const remembering = service(counters, {
      methods: { add: ({ n }) => n, addThrice: ({ n }) => n * 3 },
    });
    const store = world().store();
    const adding = saga("adding", { input: z.object({}), uses: { counters }, store })
      .step("add", {
        do: async ({ call, key }) => {
          keys.push(key);
          return (await call.counters.add({ n: 2 })) + (await call.counters.addThrice({ n: 2 }));
        },
      })
      .finish(({ done }) => done.add);
    const shop = await world().start({ sagas: [adding], services: [remembering] });
    expect(await shop.run(adding, {}, { id: "a" })).toBe(8);
    expect(keys).toEqual(["adding/a/add"]);
  });

  it("emits and sends what a step says once the step is done, and nothing of a try that failed", async () => {
    const store = world().store();
    const heard: number[] = [];
    const sent: number[] = [];
    let tries = 0;
    const counting = service(counters, {
      store: world().store(),
      methods: { add: ({ n }) => sent.push(n), addThrice: ({ n }) => n },
    });
    const adding = saga("adding", { input: z.object({}), uses: { counters }, store, retry: fast })
      .step("tell", {
        async do({ emit, send }) {
          await emit(counters.events.added, { n: ++tries });
          await send.counters.add({ n: tries });
          if (tries < 3) throw new Error("not yet");
        },
      })
      .finish();
    const shop = await world().start({ sagas: [adding], services: [counting] });
    await shop.subscribe(counters.events.added, ({ n }) => void heard.push(n));
    await shop.run(adding, {}, { id: "a" });
    await vi.waitFor(() => expect([heard, sent]).toEqual([[3], [3]]));
  });

  it("is begun with what a handler changes, or not at all", async () => {
    const store = world().store();
    const checkout = threeSteps(world(), store);
    const shopping = contract("shopping", {
      methods: {
        place: rpc({ input: z.object({ id: z.string(), fails: z.boolean() }), errors: { NO: {} } }),
      },
    });
    const shop = await world().start({
      sagas: [checkout],
      services: [
        service(shopping, {
          store,
          methods: {
            async place({ id, fails }, { begin, fail }) {
              await begin(checkout, book, { id });
              if (fails) throw fail.NO();
            },
          },
        }),
      ],
    });
    const client = shop.client(shopping);
    expect(await faultOf(client.place({ id: "o-1", fails: true }))).toMatchObject({ code: "NO" });
    await client.place({ id: "o-2", fails: false });
    await client.place({ id: "o-2", fails: false });
    await vi.waitFor(async () => expect((await shop.sagas.show(checkout, "o-2"))?.state).toBe("done"));
    expect((await shop.sagas.list()).map(({ id }) => id)).toEqual(["o-2"]);
    expect(world().done).toHaveLength(3);
  });

  it("is not begun in a handler whose store is another one", async () => {
    const checkout = threeSteps(world(), world().store());
    const shopping = contract("shopping", { methods: { place: rpc() } });
    const errors: unknown[] = [];
    const shop = await world().start({
      sagas: [checkout],
      services: [
        service(shopping, {
          store: world().store(),
          methods: {
            place: (_, { begin }) =>
              begin(checkout, book, { id: "o-1" }).catch((error) => errors.push(error)) as never,
          },
        }),
      ],
    });
    await shop.client(shopping).place();
    expect(String(errors[0])).toContain("kept in another store");
  });

  it("acts on behalf of whoever began it, in one conversation", async () => {
    const store = world().store();
    const seen: unknown[] = [];
    const counting = service(counters, {
      methods: {
        add: (_, { principal, conversation }) => seen.push(principal?.subject, conversation),
        addThrice: () => 0,
      },
    });
    const adding = saga("adding", { input: z.object({}), uses: { counters }, store })
      .step("add", { do: ({ call }) => call.counters.add({ n: 1 }) })
      .finish();
    const shop = await world().start({ sagas: [adding], services: [counting] });
    await shop.run(adding, {}, { id: "a", principal: { subject: "ada", scopes: [] } });
    expect(seen).toEqual(["ada", "adding/a"]);
    expect(await shop.sagas.list({ conversation: "adding/a" })).toHaveLength(1);
  });
});

describe.each(stores)("a saga that is changed while runs are under way, on $name", (kind) => {
  const world = sagaWorld(kind);

  function first(store: Store) {
    return saga("checkout", { input: order, uses: { payments }, store, leaseMs: 200 })
      .step("reserve", { do: () => void world().done.push("reserve one") })
      .waitFor("paid", "payments.paid", { key: (event) => event.order })
      .step("ship", { do: () => void world().done.push("ship one") })
      .finish(() => "one");
  }
  function second(store: Store) {
    return saga("checkout", { input: order, uses: { payments }, store, leaseMs: 200 })
      .step("reserve", { do: () => void world().done.push("reserve two") })
      .step("insure", { do: () => void world().done.push("insure two") })
      .waitFor("paid", "payments.paid", { key: (event) => event.order })
      .finish(() => "two");
  }
  async function leftWaiting(): Promise<void> {
    const one = first(world().store());
    const shop = await world().start({ sagas: [one] });
    await shop.begin(one, book, { id: "old" });
    await vi.waitFor(async () => expect((await shop.sagas.show(one, "old"))?.state).toBe("waiting"));
    await shop.stop();
  }

  it("goes on with each run by its own version, where the app has both", async () => {
    await leftWaiting();
    const store = world().store();
    const [one, two] = [first(store), second(store)];
    const shop = await world().start({ sagas: [two, one] });
    const results = [shop.run(two, book, { id: "old" }), shop.run(two, book, { id: "new" })];
    await vi.waitFor(async () => expect((await shop.sagas.show(two, "new"))?.state).toBe("waiting"));
    for (const id of ["old", "new"]) await shop.emit(payments.events.paid, { order: id, cents: 1 });
    expect(await Promise.all<unknown>(results)).toEqual(["one", "two"]);
    expect(world().done).toEqual(["reserve one", "reserve two", "insure two", "ship one"]);
  });

  it("leaves a run alone whose version nobody has, says so, and tells who asks what differs", async () => {
    await leftWaiting();
    const two = second(world().store());
    const shop = await world().start({ sagas: [two] });
    await vi.waitFor(() =>
      expect(world().warned.some((line) => line.includes("keep to version"))).toBe(true),
    );
    await shop.emit(payments.events.paid, { order: "old", cents: 1 });
    const fault = await faultOf(shop.run(two, book, { id: "old" }));
    expect(fault).toMatchObject({
      code: "SAGA_CHANGED",
      data: { saga: "checkout", id: "old", here: two.version },
    });
    expect(fault.message).toContain('the run has step "ship", which is not here');
    expect(fault.message).toContain('here is step "insure", which the run does not have');
    expect(world().done).toEqual(["reserve one"]);
    expect(await shop.sagas.show(two, "old")).toMatchObject({
      state: "waiting",
      steps: [{ name: "reserve" }, { name: "paid", state: "waiting" }, { name: "ship", state: "to-come" }],
    });
    await shop.stop();

    const one = first(world().store());
    const again = await world().start({ sagas: [one] });
    expect(await again.run(one, book, { id: "old" })).toBe("one");
  });

  it("has a version by its steps, their order and kinds, and by what its author says", () => {
    const store = world().store();
    const made = (version?: string) => saga("checkout", { input: order, store, ...(version && { version }) });
    const act = { do: () => 1 };
    const one = made().step("a", act).step("b", act).finish();
    expect(
      made()
        .step("a", { ...act, undo: () => 2 })
        .step("b", { do: () => "other" })
        .finish().version,
    ).toBe(one.version);
    const others = [
      made().step("b", act).step("a", act).finish(),
      made().step("a", act).finish(),
      made()
        .parallel((all) => all.step("a", act).step("b", act))
        .finish(),
      made("2").step("a", act).step("b", act).finish(),
    ];
    expect(new Set([one, ...others].map(({ version }) => version)).size).toBe(5);
    expect(() => app({ transport: embedded(), log: silent, sagas: [one, one] })).toThrow(
      "given twice in version",
    );
    expect(() =>
      made()
        .step("a", act)
        .step("a" as never, act),
    ).toThrow('two steps "a"');
    expect(() => made().step("a/b", act)).toThrow("letters, digits");
    expect(() =>
      saga("checkout", { input: order, store, uses: { payments } }).waitFor("x", "payments.gone" as never, {
        key: () => "",
      }),
    ).toThrow('"payments.gone"');
  });
});
