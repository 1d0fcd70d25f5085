import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { names } from "../src/index.ts";
import { journal, orderWorld, upTo } from "./in-order-world.ts";
import { deletedLater, outsider, transport } from "./rabbit.ts";

const keyOf = (n: number): string => `k${n % 5}`;

it("a message in order that kills its process again and again is buried as crashed; the others are done, in order", async () => {
  const name = `clerk-${crypto.randomUUID().slice(0, 8)}`;
  const ours = transport();
  const queue = names.orderedEvents(name);
  for (const each of [names.requests(name), queue, names.dead(name)]) await deletedLater(each);
  const { effects, firsts } = journal();
  let [ended, starts] = [false, 0];
  const fixture = join(import.meta.dirname, "fixtures/poisoned-in-order.ts");
  const supervise = (): void => {
    if (ended) return;
    starts++;
    const child = spawn(process.execPath, [fixture, amqpUrl(), name], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [key, n] = line.split(" ");
      effects.push({ key: key!, n: Number(n) });
    });
    child.once("exit", supervise);
    onTestFinished(() => void child.kill("SIGKILL"));
  };
  onTestFinished(() => {
    ended = true;
  });
  supervise();
  await expect.poll(() => ours.inspect(queue), { timeout: 10_000 }).toMatchObject({ consumers: 1 });
  await Promise.all(
    upTo(100).map((n) =>
      ours.publish({
        exchange: "",
        key: queue,
        type: `${name}-press.out`,
        messageId: `m-${n}`,
        body: Buffer.from(JSON.stringify({ key: keyOf(n), n })),
        persistent: true,
        mandatory: true,
      }),
    ),
  );
  await expect
    .poll(async () => (await ours.inspect(names.dead(name)))?.messages, { timeout: 20_000 })
    .toBe(1);
  await expect.poll(() => new Set(effects.map(({ n }) => n)).size, { timeout: 5_000 }).toBe(99);
  for (const key of upTo(5).map(keyOf))
    expect(firsts(key)).toEqual(upTo(100).filter((n) => n !== 50 && keyOf(n) === key));
  const letter = await (await outsider()).get(names.dead(name));
  expect(letter).toMatchObject({
    properties: { messageId: "m-50", headers: { "warren-reason": "crashed", "warren-queue": queue } },
  });
  // Once more for each time that an acknowledgement died with the process.
  expect(starts).toBeGreaterThanOrEqual(7);
  expect(starts).toBeLessThanOrEqual(10);
}, 40_000);

describe("reactions in order whose process dies, on embedded,", () => {
  const world = orderWorld("embedded");

  /** Starts the service again whenever an event of `deadly` kills it. */
  async function lives(deadly: ReadonlySet<number>, count: number) {
    const { broker, connect, start, ledger, bank } = world();
    const seen = journal();
    let lived = 0;
    const live = async (): Promise<void> => {
      lived++;
      const on = connect();
      let alive = true;
      const book = ledger(async (booking) => {
        // Everything of this process that is still to come belongs to the dead.
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (!alive) return new Promise(() => {});
        if (!deadly.has(booking.n)) return void seen.effects.push(booking);
        alive = false;
        broker.cut(on, { downMs: 1e9 });
        void live();
        return new Promise(() => {});
      });
      await start(on, [book]);
    };
    const publisher = await start(connect());
    await live();
    for (const n of upTo(count)) await publisher.emit(bank.events.paid, { key: keyOf(n), n });
    return { seen, lived: () => lived };
  }

  it("lose no neighbour to two poisonous events, one behind the other, and keep the order", async () => {
    const deadly = new Set([10, 11]);
    const { seen, lived } = await lives(deadly, 60);
    const { connect, dead } = world();
    await expect.poll(() => seen.distinct, { timeout: 10_000 }).toBe(58);
    for (const key of upTo(5).map(keyOf))
      expect(seen.firsts(key)).toEqual(upTo(60).filter((n) => !deadly.has(n) && keyOf(n) === key));
    const letters: unknown[] = [];
    await connect().consume(
      dead,
      ({ body, headers }) => {
        letters.push([JSON.parse(Buffer.from(body).toString()).n, headers?.["warren-reason"]]);
        return "ack";
      },
      { prefetch: 1 },
    );
    await expect
      .poll(() => letters)
      .toEqual([
        [10, "crashed"],
        [11, "crashed"],
      ]);
    expect(lived()).toBeLessThanOrEqual(8);
  });

  it("let suspects of other keys run while one fails: three restarts do not make all keys wait for it", async () => {
    const { connect, start, ledger, bank } = world();
    const done: string[] = [];
    let tries = 0;
    const life = (fails: boolean) =>
      ledger(
        ({ key, n }) => {
          tries++;
          if (key === "broken" || fails) throw new Error("not now");
          done.push(`${key} ${n}`);
        },
        { retry: { attempts: 5, baseMs: 600_000, capMs: 600_000 } },
      );
    const publisher = await start(connect());
    let old = await start(connect(), [life(true)]);
    for (const n of [1, 2]) await publisher.emit(bank.events.paid, { key: "broken", n });
    for (const n of [1, 2, 3]) await publisher.emit(bank.events.paid, { key: "sound", n });
    for (const lives of [1, 2, 3]) {
      await expect.poll(() => tries).toBe(2 * lives);
      await old.stop();
      old = await start(connect(), [life(lives < 3)]);
    }
    await expect.poll(() => done).toEqual(["sound 1", "sound 2", "sound 3"]);
  });

  it("that comes back often with a process that lives on is done: connections were cut, nothing crashed", async () => {
    const { broker, connect, start, ledger, bank, dead } = world();
    const on = connect();
    let cuts = 0;
    const done: string[] = [];
    await start(on, [
      ledger(({ key, n }) => {
        if (key === "slow" && cuts < 12) {
          cuts++;
          broker.cut(on);
          return new Promise((resolve) => setImmediate(resolve));
        }
        done.push(`${key} ${n}`);
        return undefined;
      }),
    ]);
    const publisher = await start(connect());
    await publisher.emit(bank.events.paid, { key: "slow", n: 1 });
    await publisher.emit(bank.events.paid, { key: "other", n: 1 });
    await expect.poll(() => done).toContain("slow 1");
    await expect.poll(() => done).toContain("other 1");
    expect(await connect().inspect(dead)).toMatchObject({ messages: 0 });
  });

  it("but only its connection, each time, is found out as well: one that blocks for longer than the heartbeat", async () => {
    const { broker, connect, start, ledger, bank, dead } = world();
    const on = connect();
    const seen = journal();
    await start(on, [
      ledger(async (booking) => {
        if (booking.n === 10) broker.cut(on);
        await new Promise<void>((resolve) => setImmediate(resolve));
        seen.effects.push(booking);
      }),
    ]);
    const publisher = await start(connect());
    await Promise.all(upTo(60).map((n) => publisher.emit(bank.events.paid, { key: keyOf(n), n })));
    await expect.poll(() => seen.distinct, { timeout: 10_000 }).toBe(60);
    for (const key of upTo(5).map(keyOf))
      expect(seen.firsts(key)).toEqual(upTo(60).filter((n) => keyOf(n) === key));
    await expect.poll(() => connect().inspect(dead)).toMatchObject({ messages: 1 });
  });
});
