import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  contract,
  conversations,
  Fault,
  randomId,
  rpc,
  type Service,
  service,
  systemRandom,
} from "../src/index.ts";
import { stores } from "./stores.ts";
import { note, type UndoWorld, undoWorld } from "./undo-world.ts";

const fast = { attempts: 2, baseMs: 1, capMs: 1 };
const sorted = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1));
const long = randomId(systemRandom, 5_000);

describe.each(stores)("texts from outside that no column takes, in $name", (kind) => {
  const world = undoWorld("embedded", kind);

  async function stock(w: UndoWorld, reaction: object): Promise<Service<any>> {
    const on = { [w.orders.events.placed.id]: reaction };
    const made = { uses: { orders: w.orders }, store: await w.store(), methods: {}, retry: fast, on };
    return service(w.stock as any, made as any);
  }

  const reserving = (w: UndoWorld) => ({
    key: ({ id }: any) => id,
    run: ({ id, n }: any, { db }: any) => note(db, `reserve ${JSON.stringify(id).slice(0, 20)} ${n}`),
    undo: {
      [w.orders.events.cancelled.id]: (_: any, { db, original }: any) => note(db, `release ${original.n}`),
    },
  });

  const moved = (w: UndoWorld, moves: readonly string[]): Promise<void> =>
    vi.waitFor(async () => expect(sorted(await w.moves())).toEqual(sorted(moves)), 5_000);

  it("in the message of an error: the reaction is given up all the same, and the journal says why", async () => {
    const w = world();
    const run = (): void => {
      throw new Error("bad \0 and \ud800");
    };
    const gaveUp = (_: unknown, { db }: any) => note(db, "gave up");
    await w.start([await stock(w, { run, gaveUp })]);
    await w.publish(w.orders.events.placed, { id: "a" });
    await moved(w, ["gave up"]);
    const { rows } = await (await w.store()).query<{ error: string }>("select error from warren_journal");
    expect(rows).toEqual([{ error: "Error: bad \ufffd and \ufffd" }]);
  });

  it("in the fault of who is called: only that call is tried again, and the outbox goes on", async () => {
    const w = world();
    const shelf = contract(`shelf-${randomId(systemRandom, 8)}`, {
      methods: { take: rpc({ input: z.string() }) },
      events: { taken: z.string() },
    });
    const depot = contract(`depot-${randomId(systemRandom, 8)}`, {
      methods: { take: rpc({ input: z.string() }) },
    });
    let tries = 0;
    const failing = service(depot, {
      methods: {
        take: (text) => {
          if (text === "bad" && ++tries === 1)
            throw new Fault("UNAVAILABLE", {}, { message: "the bank said: \0" });
        },
      },
    });
    const sending = service(shelf, {
      uses: { depot },
      store: await w.store(),
      retry: { attempts: 5, baseMs: 1, capMs: 1 },
      methods: {
        take: async (text, { send }) => {
          await send.depot.take(text);
        },
      },
    });
    const app = await w.start([failing, sending as Service<any>]);
    for (const text of ["bad", "good", "good"]) await app.client(shelf).take(text);
    const store = await w.store();
    await vi.waitFor(
      async () => expect((await store.query("select 1 as one from warren_outbox")).rows).toEqual([]),
      10_000,
    );
    expect(tries).toBe(2);
  });

  it.each([
    ["U+0000", "a\0", "b\0"],
    ["5,000 characters", long, `${long}x`],
    ["a lone surrogate", "\ud800", "\ud801"],
  ])("in a key, with %s: it is undone, and no other one", async (_what, one, other) => {
    const w = world();
    await w.start([await stock(w, reserving(w))]);
    const conversation = "c";
    await w.publish(w.orders.events.placed, { id: one, n: 1 }, { conversation });
    await w.publish(w.orders.events.placed, { id: other, n: 2 }, { conversation });
    const reserved = [one, other].map((id, i) => `reserve ${JSON.stringify(id).slice(0, 20)} ${i + 1}`);
    await moved(w, reserved);
    await w.publish(w.orders.events.cancelled, { id: one }, { conversation });
    await moved(w, [...reserved, "release 1"]);
    const states = (await w.states()).map((each) => each.split(" ").at(-1)!);
    expect(sorted(states)).toEqual(["done", "undone"]);
  });

  it("in the id of a message: it has its effect once, and events of the same moment have theirs", async () => {
    const w = world();
    const run = ({ id }: any, { db }: any) => note(db, id);
    await w.start([await stock(w, { run })]);
    const good = Array.from({ length: 30 }, (_, i) => `good ${i}`);
    const bad = ["bad\0", "\ud800", "\ud801"];
    await Promise.all([
      ...[...bad, ...bad].map((id, i) =>
        w.publish(w.orders.events.placed, { id: `odd ${i % bad.length}` }, { id }),
      ),
      ...good.map((id) => w.publish(w.orders.events.placed, { id })),
    ]);
    await moved(w, [...good, "odd 0", "odd 1", "odd 2"]);
    expect(await w.letters(w.stock.name)).toEqual([]);
  });

  it("in the id of a message: what it did is undone by another one", async () => {
    const w = world();
    await w.start([await stock(w, reserving(w))]);
    await w.publish(w.orders.events.placed, { id: "a", n: 1 }, { id: "x\0", conversation: "c\0" });
    await moved(w, ['reserve "a" 1']);
    await w.publish(w.orders.events.cancelled, { id: "a" }, { id: "y\0", conversation: "c\0" });
    await moved(w, ['reserve "a" 1', "release 1"]);
  });

  it("in a lane: what it orders is sent", async () => {
    const w = world();
    const run = ({ id, n }: any, { emit }: any) => emit.reserved({ id, n }, { lane: id });
    await w.start([await stock(w, { run })]);
    const heard: number[] = [];
    const app = await w.start([]);
    await app.subscribe(w.stock.events.reserved, ({ n }) => void heard.push(n));
    for (const [i, id] of ["a\0", "\ud800"].entries()) await w.publish(w.orders.events.placed, { id, n: i });
    await expect.poll(() => heard.toSorted((a, b) => a - b), { timeout: 5_000 }).toEqual([0, 1]);
  });

  it("in the id of a conversation: who asks where conversations are is told by all services", async () => {
    const w = world();
    const run = ({ id }: any, { db }: any): Promise<void> => {
      if (id === "dead") throw new Error("no");
      return note(db, id);
    };
    await w.start([await stock(w, { ...reserving(w), run })]);
    await w.publish(w.orders.events.placed, { id: "fine" });
    await w.publish(w.orders.events.placed, { id: "dead" }, { conversation: "x\0y" });
    await vi.waitFor(async () => expect(await w.letters(w.stock.name)).toHaveLength(1), 5_000);
    await moved(w, ["fine"]);
    const asked = conversations(w.connect());
    const { conversations: found, unanswered } = await asked.list();
    expect(unanswered).toEqual([]);
    expect(found.map(({ id, steps }) => [id.replace(/^#.*/, "#"), steps.length]).toSorted()).toEqual([
      ["#", 2],
      ["fine", 1],
    ]);
    const { conversation } = await asked.show("x\0y");
    expect(conversation?.steps.map(({ kind: each }) => each).toSorted()).toEqual(["dead-letter", "reaction"]);
  });
});
