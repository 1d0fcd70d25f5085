import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import { type App, app, contract, rpc, type Store, service, silent } from "../src/index.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import { outboxWorld } from "./outbox-world.ts";
import { stores } from "./stores.ts";

const minute = 60_000;

describe.each(stores.filter(({ name }) => name === "sqlite"))("on $name", (database) => {
  const world = outboxWorld("embedded", database);

  /** A shop that reminds an hour after it was asked to, on a clock that stands still. The disk takes its own time. */
  function shopApp() {
    const clock = virtualClock();
    const broker = embeddedBroker({ clock });
    const { shop, stock } = world();
    const heard: string[] = [];
    const taken: number[] = [];
    const cancelled: boolean[] = [];
    const running: App[] = [];
    return {
      clock,
      heard,
      taken,
      cancelled,
      /** One more process, or the one that comes after a restart. */
      async start(store: Store = world().store()) {
        const made = app({
          transport: embedded({ broker }),
          clock,
          log: silent,
          services: [
            service(shop, {
              store,
              uses: { stock },
              methods: {
                async sell({ n, key }, { after, cancel, fail }) {
                  if (key !== undefined) cancelled.push(await cancel(key));
                  const id = await after(60 * minute).emit.reminded({ n });
                  await after(30 * minute).send.stock.take({ n });
                  if (n < 0) throw fail.CLOSED();
                  if (n === 3) cancelled.push(await cancel(id));
                  ids.push(id);
                  return n;
                },
              },
              on: { [`${shop.name}.reminded`]: ({ n }: { n: number }) => void heard.push(`${n}`) } as {},
            }),
            service(stock, {
              store,
              methods: { nothing() {}, take: ({ n }) => void taken.push(n) },
            }),
          ],
        });
        running.push(made);
        const starting = made.start();
        await clock.advance(0);
        await starting;
        return made;
      },
      async stop() {
        for (const each of running.splice(0)) {
          const stopping = each.stop({ drainMs: 0 });
          await clock.advance(1_000);
          await stopping;
        }
      },
      async sell(made: App, n: number, key?: string) {
        const call = made.client(shop).sell({ n, ...(key !== undefined && { key }) }, { timeoutMs: 1_000 });
        call.catch(() => undefined);
        await clock.advance(0);
        await call;
      },
    };
  }
  const ids: string[] = [];

  it("what is sent later comes at its time, once, also after a restart and with several processes", async () => {
    const w = shopApp();
    const first = await w.start();
    await w.sell(first, 1);
    await expect(w.sell(first, -1)).rejects.toThrow();
    await w.clock.advance(10 * minute);
    await w.stop();
    await w.clock.advance(10 * minute);
    await w.start();
    await w.start();
    await w.clock.advance(9 * minute);
    expect([w.taken, w.heard]).toEqual([[], []]);
    await w.clock.advance(1 * minute);
    await expect.poll(() => [w.taken, w.heard]).toEqual([[1], []]);
    await w.clock.advance(29 * minute);
    expect([w.taken, w.heard]).toEqual([[1], []]);
    await w.clock.advance(1 * minute);
    await expect.poll(() => [w.taken, w.heard]).toEqual([[1], ["1"]]);
    await w.clock.advance(600 * minute);
    expect([w.taken, w.heard]).toEqual([[1], ["1"]]);
    await expect.poll(() => world().waiting()).toBe(0);
    await w.stop();
  });

  it("what was due while nobody ran comes at the next start", async () => {
    const w = shopApp();
    await w.sell(await w.start(), 1);
    await w.stop();
    await w.clock.advance(300 * minute);
    await w.start();
    await w.clock.advance(10);
    await expect.poll(() => [w.taken, w.heard]).toEqual([[1], ["1"]]);
    await w.stop();
  });

  it("is taken back by its id until it is sent, with what the handler changes", async () => {
    const w = shopApp();
    const made = await w.start();
    await w.sell(made, 1);
    const id = ids.at(-1)!;
    // Taken back by a handler that fails: not taken back.
    await expect(w.sell(made, -2, id)).rejects.toThrow();
    await w.sell(made, 2, id);
    // By the one that asked for it.
    await w.sell(made, 3);
    await w.clock.advance(61 * minute);
    // What waited for the disk while the hour passed is looked for again.
    await expect
      .poll(async () => {
        await w.clock.advance(1_000);
        return w.heard;
      })
      .toEqual(["2"]);
    // It is sent.
    await w.sell(made, 4, ids.at(-2));
    await w.sell(made, 5, "no such id");
    expect(w.cancelled).toEqual([true, true, true, false, false]);
    await w.stop();
  });

  it("is refused where it is no time, or has a lane", async () => {
    const store = world().store();
    const made = await world().start({ stores: [store] });
    const { sold } = world().shop.events;
    for (const delayMs of [-1, 0.5, Number.NaN, 4e11, "60" as never])
      await expect(
        made.transaction(store, async ({ after }) => void (await after(delayMs).emit(sold, { n: 1 }))),
      ).rejects.toThrow("after: delayMs");
    const lane = { lane: "x" } as {};
    await expect(
      made.transaction(store, async ({ after }) => void (await after(1).emit(sold, { n: 1 }, lane))),
    ).rejects.toThrow("has no lane");
    for (const wrong of ["", "x".repeat(201), 7 as never])
      await expect(
        made.transaction(store, ({ emit }) => emit(sold, { n: 1 }, { lane: wrong })),
      ).rejects.toThrow("lane is");
    expect(await world().waiting()).toBe(0);
  });
});

it("a contract that is not in `uses` is told so where it is called or sent to, and nothing asks for one by itself", async () => {
  const { fresh } = stores[0]!;
  const [bare, known] = ["bare", "known"].map((name) => contract(name, { methods: { go: rpc() } }));
  const said: string[] = [];
  const broker = embeddedBroker();
  const made = app({
    transport: embedded({ broker }),
    log: silent,
    services: [
      service(bare!, {
        store: (await fresh()).open(),
        uses: { known: known! },
        methods: {
          async go(_, context: any) {
            for (const clients of [context.call, context.send, context.after(5).send]) {
              inspect(clients);
              expect(await clients).toBe(clients);
              expect(JSON.stringify(clients)).toBe('{"known":{}}');
              try {
                clients.nope.go();
              } catch (error) {
                said.push(String(error));
              }
            }
          },
        },
      }),
    ],
  });
  await made.start();
  await made.client(bare!).go();
  await made.stop();
  const wanted = 'TypeError: No contract goes by the name of "nope" here: `uses` has known.';
  expect(said).toEqual([wanted, wanted, wanted]);
});

it("a service without a store says that it cannot send in a transaction", async () => {
  const broker = embeddedBroker();
  const bare = contract("bare", { methods: { go: rpc() } });
  const said: string[] = [];
  const made = app({
    transport: embedded({ broker }),
    log: silent,
    services: [
      service(bare, {
        methods: {
          go(_, context) {
            for (const member of ["send", "after", "cancel", "db", "begin"])
              try {
                Reflect.get(context, member);
              } catch (error) {
                said.push((error as Error).message);
              }
          },
        },
      }),
    ],
  });
  await made.start();
  await made.client(bare).go();
  await made.stop();
  expect(said).toEqual(
    ["send", "after", "cancel", "db", "begin"].map(
      (member) => `Service "bare" has no ${member}, as it has no store: give it one (\`store\`).`,
    ),
  );
});
