// Two instances, one of which takes three times as long for each job: the broker gives work to whoever has a free place.
import { setTimeout as passing } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { type App, app, contract, randomId, rpc, service, silent, systemRandom } from "../src/index.ts";
import { transports, world } from "./shape-world.ts";

vi.setConfig({ testTimeout: 60_000 });

describe.each(transports)("two instances, one three times slower, on %s", (transport) => {
  const w = world(transport);

  async function shop(fastMs: number, concurrency?: number) {
    const suffix = randomId(systemRandom, 8);
    const job = z.object({ n: z.number() });
    const yard = contract(`yard-${suffix}`, { events: { ordered: job } });
    const workers = contract(`workers-${suffix}`, {
      methods: { work: rpc({ input: job, timeoutMs: 60_000 }) },
    });
    const done = { fast: 0, slow: 0 };
    const start = (who: keyof typeof done, ms: number): Promise<App> => {
      const run = async (): Promise<void> => {
        await passing(ms);
        done[who]++;
      };
      return w().start({
        services: [
          service(workers, {
            uses: { yard },
            methods: { work: run },
            on: { [yard.events.ordered.id]: run } as never,
            ...(concurrency !== undefined && { concurrency }),
          }),
        ],
      });
    };
    await Promise.all([start("fast", fastMs), start("slow", 3 * fastMs)]);
    const client = app({ transport: w().connect(), log: silent });
    onTestFinished(() => client.stop({ drainMs: 0 }));
    await client.start();
    return {
      done,
      /** Keeps so many calls under way until so many are made. */
      async calls(count: number, inFlight: number) {
        let made = 0;
        const one = async (): Promise<void> => {
          while (made < count) await client.client(workers).work({ n: made++ });
        };
        await Promise.all(Array.from({ length: inFlight }, one));
        return done.fast / done.slow;
      },
      async events(count: number) {
        await Promise.all(Array.from({ length: count }, (_, n) => client.emit(yard.events.ordered, { n })));
        await vi.waitFor(() => expect(done.fast + done.slow).toBe(count), 30_000);
        return done.fast / done.slow;
      },
    };
  }

  it("share calls by their speed when there is more than both have places for", async () => {
    const share = await (await shop(300)).calls(1_200, 400);
    expect(share).toBeGreaterThan(2.2);
    expect(share).toBeLessThan(3.8);
  });

  it("share events by their speed when there is more than both have places for", async () => {
    const share = await (await shop(300)).events(1_200);
    expect(share).toBeGreaterThan(2.2);
    expect(share).toBeLessThan(3.8);
  });

  it("share a few calls by their speed with a concurrency of one", async () => {
    const share = await (await shop(60, 1)).calls(80, 8);
    expect(share).toBeGreaterThan(2.2);
    expect(share).toBeLessThan(3.8);
  });

  it("share a few events by their speed with a concurrency of one", async () => {
    const share = await (await shop(60, 1)).events(80);
    expect(share).toBeGreaterThan(2.2);
    expect(share).toBeLessThan(3.8);
  });

  it("take turns while both have free places, so that no call waits for another", async () => {
    const { calls, done } = await shop(20);
    await calls(200, 20);
    expect(Math.abs(done.fast - done.slow)).toBeLessThanOrEqual(40);
  });
});
