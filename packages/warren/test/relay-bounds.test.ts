import { beforeEach, describe, expect, it } from "vitest";
import type { Delivered } from "../src/outbox/delivery.ts";
import type { OutboxEntry } from "../src/outbox/entry.ts";
import type { Outbox } from "../src/outbox/outbox.ts";
import { inTransaction } from "../src/store.ts";
import { entry, type RelayWorld, relayWorld } from "./relay-world.ts";

let world: RelayWorld;
beforeEach(async () => {
  world = await relayWorld();
});

const many = (count: number, make: (i: number) => Partial<OutboxEntry>) =>
  Array.from({ length: count }, (_, i) => entry(`${i}`, make(i)));
const ids = () => world.sent.map((each) => each.split(" ")[1]!);

/** A relay whose deliveries end when the test says so. */
function slow() {
  const open: ((done: Delivered) => void)[] = [];
  const relay = world.relay("a", () => new Promise((resolve) => void open.push(resolve)));
  return {
    relay,
    /** Lets all that is under way end, and what follows it, until nothing is left. */
    async drain() {
      for (let round = 0; round < 2_000 && (await world.rows()).length > 0; round++) {
        for (const resolve of open.splice(0)) resolve({ done: true });
        await world.clock.advance(0);
      }
      expect(await world.rows()).toEqual([]);
    },
  };
}

async function inHand(): Promise<{ n: number; bytes: number; calls: number }> {
  const { rows } = await world.store.query<{ n: number; bytes: number; calls: number }>(
    `select count(*) as n, sum(length(body)) as bytes, sum(case kind when 'call' then 1 else 0 end) as calls
      from warren_outbox where leased_by = 'a'`,
  );
  return rows[0]!;
}

/** In transactions that are all over before the first of them is known to have committed. */
async function writeTogether(relay: Outbox, parts: readonly (readonly OutboxEntry[])[]): Promise<void> {
  for (const part of parts) await inTransaction(world.store, (sql) => relay.add(sql, part, { soon: true }));
  for (const part of parts) relay.committed(part);
}

describe("what one process has in hand", () => {
  it("is 1,000 rows at the most, in however many lanes they are", async () => {
    const { relay, drain } = slow();
    await world.write(
      relay,
      many(4_000, (i) => ({ lane: `${i % 40}` })),
      "others",
    );
    await world.clock.advance(5_000);
    const { n } = await inHand();
    expect(n).toBeGreaterThan(400);
    expect(n).toBeLessThanOrEqual(1_000);
    await drain();
    for (const lane of [0, 17, 39])
      expect(ids().filter((id) => Number(id) % 40 === lane)).toEqual(
        Array.from({ length: 100 }, (_, i) => `${i * 40 + lane}`),
      );
  });

  it("is no more once it has 32 MiB, whether claimed at once or one behind the other", async () => {
    const { relay, drain } = slow();
    const body = Buffer.alloc(2 ** 20);
    const large = (id: number) => ({ message: { ...entry("").message, key: `${id}`, body } });
    await world.write(
      relay,
      many(40, (i) => ({ ...large(i), ...(i > 20 && { lane: "x" }) })),
      "others",
    );
    await world.clock.advance(5_000);
    const { bytes } = await inHand();
    expect(bytes / 2 ** 20).toBeGreaterThan(24);
    expect(bytes / 2 ** 20).toBeLessThanOrEqual(32);
    await drain();
    expect(world.sent).toHaveLength(40);
  });

  it("is 200 calls at the most, which hold up no event", async () => {
    const { relay, drain } = slow();
    const calls = many(300, () => ({ kind: "call" }));
    await world.write(relay, [...calls, ...many(10, (i) => ({ id: `event ${i}` }))], "others");
    await world.clock.advance(5_000);
    expect(await inHand()).toMatchObject({ n: 210, calls: 200 });
    await drain();
  });

  it("is 200 calls at the most also where they are in lanes, which keep their order", async () => {
    const { relay, drain } = slow();
    await world.write(
      relay,
      many(600, (i) => ({ kind: "call", lane: `${i % 3}` })),
      "others",
    );
    await world.clock.advance(5_000);
    const { calls } = await inHand();
    expect(calls).toBeGreaterThan(90);
    expect(calls).toBeLessThanOrEqual(200);
    await drain();
    for (const lane of [0, 1, 2])
      expect(ids().filter((id) => Number(id) % 3 === lane)).toEqual(
        Array.from({ length: 200 }, (_, i) => `${i * 3 + lane}`),
      );
  });

  it("is no more where many transactions commit at the same time", async () => {
    const { relay, drain } = slow();
    const part = (name: string, count: number, kind: "event" | "call") =>
      many(count, (i) => ({ id: `${name}${i}`, kind }));
    await writeTogether(relay, [
      part("a", 150, "call"),
      part("b", 150, "call"),
      part("c", 600, "event"),
      part("d", 600, "event"),
    ]);
    await world.clock.advance(5_000);
    expect(await inHand()).toMatchObject({ n: 1_000, calls: 200 });
    await drain();
    expect(world.sent).toHaveLength(1_500);
  });

  it("is no more where much commits while more is claimed", async () => {
    const { relay, drain } = slow();
    await world.write(
      relay,
      many(900, () => ({})),
    );
    await world.write(
      relay,
      many(300, (i) => ({ id: `left ${i}` })),
      "others",
    );
    const memory = many(100, (i) => ({ id: `new ${i}` }));
    const { query } = world.store;
    await inTransaction(world.store, (sql) => relay.add(sql, memory, { soon: true }));
    let isAsked = false;
    Object.assign(world.store, {
      query: (async (text, values) => {
        if (text.includes("picked") && !isAsked) {
          isAsked = true;
          relay.committed(memory);
        }
        return query(text, values);
      }) as typeof query,
    });
    await world.clock.advance(5_000);
    expect(isAsked).toBe(true);
    expect((await inHand()).n).toBe(1_000);
    await drain();
    expect(world.sent).toHaveLength(1_300);
  });
});
