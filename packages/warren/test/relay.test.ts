import { beforeEach, describe, expect, it } from "vitest";
import type { Delivered } from "../src/outbox/delivery.ts";
import { leaseMs } from "../src/outbox/relay.ts";
import type { StoredEntry } from "../src/outbox/rows.ts";
import { inTransaction } from "../src/store.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import { entry, type RelayWorld, relayWorld } from "./relay-world.ts";
import { gate } from "./shape-world.ts";

let world: RelayWorld;
beforeEach(async () => {
  world = await relayWorld();
});

const numbered = (count: number, more = {}) => Array.from({ length: count }, (_, i) => entry(`${i}`, more));
const ids = (sent: readonly string[]) => sent.map((each) => each.split(" ")[1]);

describe("sending", () => {
  it("is done at once after the commit, and what is done is deleted", async () => {
    const relay = world.relay("a");
    await world.write(relay, [entry("1"), entry("2")]);
    expect(world.sent).toEqual(["a 1", "a 2"]);
    await world.clock.advance(0);
    expect(await world.rows()).toEqual([]);
  });

  it("is done from the store for what others left there, oldest first", async () => {
    await world.write(world.relay("dead"), numbered(3), "others");
    await world.clock.advance(1_000);
    expect(ids(world.sent)).toEqual(["0", "1", "2"]);
    expect(await world.rows()).toEqual([]);
  });

  it("takes what a dead process had leased once the lease is over, and not before", async () => {
    const dead = world.relay("dead");
    // Leased to it, and it never hears that it was committed.
    await inTransaction(world.store, (sql) => dead.add(sql, [entry("1")], { soon: true }));
    world.relay("b");
    await world.clock.advance(leaseMs - 1);
    expect(world.sent).toEqual([]);
    await world.clock.advance(1_000);
    expect(world.sent).toHaveLength(1);
  });

  it("does not let be taken back what a dead process may have sent", async () => {
    const dead = world.relay("dead");
    await inTransaction(world.store, (sql) => dead.add(sql, [entry("1")], { soon: true }));
    // It is over without a word: what it has in hand for this one is a lease.
    const over = dead.stop({ drainMs: 0 });
    await world.clock.advance(0);
    await over;
    // Its successor claims it, but the broker is away before it has sent anything.
    const query: typeof world.store.query = async (text, values) => {
      const result = await world.store.query<any>(text, values);
      if (result.rows.length > 0 && text.includes("leased_by")) world.line.set(false);
      return result;
    };
    const next = world.relay("b", undefined, { ...world.store, query });
    await world.clock.advance(2 * leaseMs);
    expect((await world.rows()).map(({ leased_by }) => leased_by)).toEqual([null]);
    expect(world.sent).toEqual([]);
    expect(await next.cancel(world.store, "1")).toBe(false);
  });

  it("has so many in hand and no more; the rest waits in the store", async () => {
    const open: ((done: Delivered) => void)[] = [];
    const slow = () => new Promise<Delivered>((resolve) => void open.push(resolve));
    const relay = world.relay("a", slow);
    await world.write(relay, numbered(1_500));
    await world.clock.advance(5_000);
    expect(world.sent).toHaveLength(1_000);
    for (const resolve of open.splice(0)) resolve({ done: true });
    await world.clock.advance(0);
    expect(world.sent).toHaveLength(1_500);
    for (const resolve of open.splice(0)) resolve({ done: true });
    await world.clock.advance(0);
    expect(await world.rows()).toEqual([]);
  });

  it("of several relays sends each entry once", async () => {
    const [a] = [world.relay("a"), world.relay("b"), world.relay("c")];
    await world.write(a!, numbered(2_000), "others");
    await world.clock.advance(2_000);
    expect(world.sent).toHaveLength(2_000);
    expect(new Set(ids(world.sent)).size).toBe(2_000);
  });

  it("sends nothing before its time, and then to the millisecond", async () => {
    const relay = world.relay("a");
    await world.write(relay, [entry("later", { dueAt: world.clock.now() + 123_456 })]);
    await world.clock.advance(123_455);
    expect(world.sent).toEqual([]);
    await world.clock.advance(1);
    expect(world.sent).toEqual(["a later"]);
  });
});

describe("what is not sent", () => {
  it("stays with its error, is tried again when its time comes, and holds up no other", async () => {
    let fails = 2;
    const relay = world.relay("a", async ({ id }) =>
      id === "bad" && fails-- > 0 ? { done: false, delayMs: 10_000, error: "no" } : { done: true },
    );
    await world.write(relay, [entry("bad"), entry("good")]);
    await world.clock.advance(0);
    expect(await world.rows()).toEqual([
      {
        id: "bad",
        due_at: world.clock.now() + 10_000,
        leased_by: null,
        attempts: 1,
        failures: 0,
        last_error: "no",
      },
    ]);
    await world.clock.advance(9_999);
    expect(world.sent).toEqual(["a bad", "a good"]);
    await world.clock.advance(10_001);
    expect(world.sent).toEqual(["a bad", "a good", "a bad", "a bad"]);
    expect(await world.rows()).toEqual([]);
  });

  it("has its failures counted apart from tries that reached nobody", async () => {
    const said: Delivered[] = [
      { done: false, delayMs: 1_000, error: "away" },
      { done: false, delayMs: 1_000, error: "broken", hasFailed: true },
      { done: false, delayMs: 1_000, error: "away" },
    ];
    const told: [number, number][] = [];
    const relay = world.relay("a", async ({ attempts, failures }) => {
      told.push([attempts, failures]);
      return said.shift() ?? { done: true };
    });
    await world.write(relay, [entry("bad")]);
    await world.clock.advance(10_000);
    expect(told).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 1],
    ]);
  });

  it("waits in the store while the broker is away, without a try, and goes when it is back", async () => {
    const relay = world.relay("a");
    world.line.set(false);
    await world.write(relay, numbered(3));
    await world.clock.advance(600_000);
    expect(world.sent).toEqual([]);
    expect((await world.rows()).map(({ attempts, leased_by }) => [attempts, leased_by])).toEqual(
      Array(3).fill([0, null]),
    );
    world.line.set(true);
    await world.clock.advance(0);
    expect(ids(world.sent)).toEqual(["0", "1", "2"]);
  });

  it("keeps its lease for as long as the sending takes", async () => {
    const done = gate<Delivered>();
    const relay = world.relay("a", () => done.promise);
    world.relay("b");
    await world.write(relay, [entry("slow")]);
    await world.clock.advance(10 * leaseMs);
    expect(world.sent).toEqual(["a slow"]);
    done.open({ done: true });
    await world.clock.advance(0);
    expect(await world.rows()).toEqual([]);
  });
});

describe("a lane", () => {
  const lane = (id: string, of: string) => entry(id, { lane: of });

  it("has its entries sent one after the other, while other lanes go on", async () => {
    const underway = new Set<string>();
    const first = gate();
    const relay = world.relay("a", async ({ id, lane }) => {
      expect(underway.has(lane!)).toBe(false);
      underway.add(lane!);
      if (id === "x1") await first.promise;
      await Promise.resolve();
      underway.delete(lane!);
      return { done: true };
    });
    await world.write(relay, [
      lane("x1", "x"),
      lane("y1", "y"),
      lane("x2", "x"),
      lane("y2", "y"),
      entry("z"),
    ]);
    await world.clock.advance(1_000);
    expect(ids(world.sent).toSorted()).toEqual(["x1", "y1", "y2", "z"]);
    first.open();
    await world.clock.advance(1_000);
    expect(ids(world.sent).at(-1)).toBe("x2");
    expect(await world.rows()).toEqual([]);
  });

  it("waits behind the one that fails, also in other processes", async () => {
    let fails = 3;
    const deliver = async ({ id }: StoredEntry): Promise<Delivered> =>
      id === "1" && fails-- > 0 ? { done: false, delayMs: 5_000, error: "no" } : { done: true };
    const [relay] = [world.relay("a", deliver), world.relay("b", deliver)];
    await world.write(relay!, [lane("1", "x"), lane("2", "x"), lane("3", "x")]);
    await world.clock.advance(14_000);
    expect(new Set(ids(world.sent))).toEqual(new Set(["1"]));
    await world.write(relay!, [lane("4", "x")]);
    await world.clock.advance(10_000);
    expect(ids(world.sent)).toEqual(["1", "1", "1", "1", "2", "3", "4"]);
  });

  it("keeps its order with several relays that write and send at the same time", async () => {
    const relays = ["a", "b", "c"].map((name) =>
      world.relay(name, () => new Promise((resolve) => world.clock.soon(() => resolve({ done: true })))),
    );
    for (let round = 0; round < 100; round++) {
      await world.write(relays[round % 3]!, [lane(`x${round}`, "x"), lane(`y${round}`, "y")]);
      if (round % 10 === 0) await world.clock.advance(7);
    }
    await world.clock.advance(60_000);
    const of = (name: string) => ids(world.sent).filter((id) => id!.startsWith(name));
    expect(of("x")).toEqual(Array.from({ length: 100 }, (_, i) => `x${i}`));
    expect(of("y")).toEqual(Array.from({ length: 100 }, (_, i) => `y${i}`));
    expect(await world.rows()).toEqual([]);
  });

  it("loses nothing and keeps its order where a process stands still for longer than its lease", async () => {
    const standing = virtualClock(world.clock.now());
    const first = gate<Delivered>();
    const still = world.relay("still", () => first.promise, world.store, standing);
    await world.write(
      still,
      ["1", "2", "3"].map((id) => lane(id, "x")),
    );
    await standing.advance(0);
    expect(world.sent).toEqual(["still 1"]);
    world.relay("b");
    await world.clock.advance(2 * leaseMs);
    expect(world.sent).toEqual(["still 1", "b 1", "b 2", "b 3"]);
    // It goes on, with what it had in hand, and finds that its time is over.
    await standing.advance(2 * leaseMs);
    first.open({ done: true });
    await standing.advance(5_000);
    expect(world.sent).toEqual(["still 1", "b 1", "b 2", "b 3"]);
    expect(await world.rows()).toEqual([]);
  });

  it("is worked off though it is deep, and does not keep others waiting", async () => {
    const relay = world.relay("a");
    await world.write(relay, [...numbered(3_000, { lane: "deep" }), lane("other", "other")], "others");
    await world.clock.advance(1_000);
    expect(ids(world.sent).filter((id) => id !== "other")).toEqual(numbered(3_000).map(({ id }) => id));
    expect(ids(world.sent).indexOf("other")).toBeLessThan(300);
  });
});

describe("stopping", () => {
  it("waits for what is under way, and gives the rest back for others to send at once", async () => {
    const [quick, stuck] = [gate<Delivered>(), gate<Delivered>()];
    const relay = world.relay("a", ({ id }) => (id === "quick" ? quick.promise : stuck.promise));
    await world.write(relay, [entry("quick"), entry("stuck")]);
    const stopped = relay.stop({ drainMs: 3_000 });
    quick.open({ done: true });
    await world.clock.advance(2_999);
    expect((await world.rows()).map(({ leased_by }) => leased_by)).toEqual(["a"]);
    await world.clock.advance(1);
    await stopped;
    expect((await world.rows()).map(({ id, leased_by }) => [id, leased_by])).toEqual([["stuck", null]]);
    world.relay("b");
    await world.clock.advance(0);
    expect(world.sent.at(-1)).toBe("b stuck");
  });

  it("keeps what may have been sent from being taken back, and nothing else", async () => {
    const relay = world.relay("a", () => new Promise(() => {}));
    await world.write(relay, [
      entry("under way"),
      entry("first", { lane: "x" }),
      entry("behind", { lane: "x" }),
    ]);
    await world.clock.advance(0);
    expect(world.sent).toEqual(["a under way", "a first"]);
    const stopped = relay.stop({ drainMs: 0 });
    await world.clock.advance(0);
    await stopped;
    expect((await world.rows()).map(({ leased_by }) => leased_by)).toEqual([null, null, null]);
    const taken = [];
    for (const id of ["under way", "first", "behind"]) taken.push(await relay.cancel(world.store, id));
    expect(taken).toEqual([false, false, true]);
  });

  it("does not wait for a broker that is away", async () => {
    const relay = world.relay("a", () => new Promise(() => {}));
    await world.write(relay, [entry("1")]);
    world.line.set(false);
    const stopped = relay.stop({ drainMs: 60_000 });
    await world.clock.advance(0);
    await stopped;
    expect((await world.rows()).map(({ leased_by }) => leased_by)).toEqual([null]);
  });

  it("sends nothing that is committed after it", async () => {
    const relay = world.relay("a");
    const stopped = relay.stop({ drainMs: 0 });
    await world.clock.advance(0);
    await stopped;
    await world.write(relay, [entry("late")]);
    await world.clock.advance(5_000);
    expect(world.sent).toEqual([]);
    expect((await world.rows()).map(({ leased_by }) => leased_by)).toEqual([null]);
  });
});

describe("a store that is away", () => {
  it("is told again until it knows what is done, and is spoken of once", async () => {
    let isAway = false;
    const shaky = {
      ...world.store,
      query: ((text, values) =>
        isAway
          ? Promise.reject(new Error("gone"))
          : world.store.query(text, values)) as typeof world.store.query,
    };
    const relay = world.relay(
      "a",
      async () => {
        isAway = true;
        return { done: true };
      },
      shaky,
    );
    await world.write(relay, [entry("1")]);
    await world.clock.advance(20_000);
    expect((await world.rows()).map(({ id }) => id)).toEqual(["1"]);
    isAway = false;
    await world.clock.advance(10_000);
    expect(await world.rows()).toEqual([]);
    expect(world.sent).toEqual(["a 1"]);
    expect(world.logged).toEqual([
      "warn the store cannot be reached; its outbox waits",
      "info the store can be reached again",
    ]);
  });
});

it("tells a store that refuses what it is told of one entry of the others all the same, and of that one without its text", async () => {
  const refusing: typeof world.store = {
    ...world.store,
    async begin() {
      const begun = await world.store.begin();
      const query: typeof begun.query = (text, values) =>
        values?.includes("odd") ? Promise.reject(new Error("no such text")) : begun.query(text, values);
      return { ...begun, query };
    },
  };
  const failing = async ({ id }: StoredEntry): Promise<Delivered> =>
    id === "3" ? { done: true } : { done: false, delayMs: 60_000, error: id === "1" ? "odd" : "even" };
  const relay = world.relay("a", failing, refusing);
  await world.write(relay, numbered(4));
  await world.clock.advance(1_000);
  const refused = "it failed; the text of its error could not be stored";
  expect(await world.rows()).toMatchObject(
    ["even", refused, "even"].map((last_error) => ({ leased_by: null, attempts: 1, last_error })),
  );
  expect(world.logged).toEqual([]);
});

it("an idle relay asks its store once a second, and begins no transaction", async () => {
  let questions = 0;
  let begun = 0;
  const counting = {
    ...world.store,
    query: ((text, values) => {
      questions++;
      return world.store.query(text, values);
    }) as typeof world.store.query,
    begin: () => {
      begun++;
      return world.store.begin();
    },
  };
  world.relay("a", undefined, counting);
  await world.clock.advance(60_000);
  expect(questions).toBeLessThanOrEqual(61);
  expect(begun).toBe(0);
});
